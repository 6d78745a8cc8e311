import { cniCode } from "../api/cni.ts";
import { Failure } from "../errors.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { Link } from "../netlink/types.ts";
import type { UndoStack } from "../undo.ts";
import { type LinkPlan, newLink } from "./attach-plan.ts";

/** The two sides of an attachment: rtnetlink of the host and of the pod, and the pod's namespace as a descriptor. */
export interface Sides {
  readonly host: Kernel;
  readonly pod: Kernel;
  readonly netnsFd: number;
}

/** Finds the links of an attachment by name: `<ifname>-<digits>`. */
export function linksOf(pod: Kernel, ifname: string): Link[] {
  return pod.links().filter(({ name }) => isOurName(name, ifname));
}

/** Tells whether a name is one that we give to a NIC of the attachment `ifname`. */
export function isOurName(name: string, ifname: string): boolean {
  return name.startsWith(`${ifname}-`) && /^[0-9]+$/.test(name.slice(ifname.length + 1));
}

/** Refuses an attachment whose name, or that of one of its NICs, is taken in the pod. */
export function refuseTaken(
  links: readonly Link[],
  { ifname, chained }: { ifname: string; chained: boolean },
): void {
  for (const { name, altnames } of links) {
    const itself = !chained && (name === ifname || altnames.includes(ifname));
    if (!itself && !isOurName(name, ifname)) continue;
    throw new Failure(`Cannot attach ${ifname}`, {
      code: cniCode.kernel,
      cause: new Failure(`the pod has an interface ${name} already`),
    });
  }
}

/** One link to make. */
export interface WantedLink {
  readonly name: string;
  readonly master: string;
  /** "" = the kernel's choice. */
  readonly mac: string;
}

/** Creates links straight into the pod's namespace, in one go, and returns them; their deletion goes on the undo stack. */
export function createLinks(
  sides: Sides,
  { wanted, plan }: { wanted: readonly WantedLink[]; plan: LinkPlan },
  undo: UndoStack,
): Link[] {
  const masters = sides.host.findLinks(wanted.map(({ master }) => master));
  const changes = wanted.map(({ name, master, mac }, i) => {
    const on = checkedMaster(masters[i], { name, master, plan });
    const options = {
      netnsFd: sides.netnsFd,
      ...(plan.mtu > 0 ? { mtu: plan.mtu } : {}),
      ...(mac !== "" && plan.kind === "macvlan" ? { mac } : {}),
    };
    return { verb: "add link", name, link: newLink(plan, on.index), options } as const;
  });
  const failures = sides.host.change(changes);
  for (const [i, { name }] of wanted.entries()) {
    if (failures[i] === undefined)
      undo.push(`delete ${name}`, () => void sides.pod.deleteLink(name));
  }
  for (const [i, { name, master }] of wanted.entries()) {
    const cause = failures[i];
    if (cause === undefined) continue;
    throw new Failure(`Cannot create ${plan.kind} ${name} on ${master}`, {
      code: cniCode.kernel,
      cause: reasonOf(cause, { master, plan }),
    });
  }
  return sides.pod.findLinks(wanted.map(({ name }) => name)).map((link, i) => {
    if (link) return link;
    throw new Failure(`Cannot find ${wanted[i]?.name} in the pod right after creating it`);
  });
}

function checkedMaster(
  found: Link | undefined,
  { name, master, plan }: { name: string; master: string; plan: LinkPlan },
): Link {
  if (!found) {
    throw new Failure(`Cannot create ${name}`, {
      code: cniCode.kernel,
      cause: new Failure(`the host has no interface ${master}`),
    });
  }
  if (plan.mtu > found.mtu) {
    throw new Failure(`Cannot create ${name}`, {
      code: cniCode.config,
      cause: new Failure(`plugin.mtu is ${plan.mtu}, but ${found.name} has ${found.mtu}`),
    });
  }
  return found;
}

/**
 * Refuses an ipvlan on a master that carries links of another mode or kind: the kernel would switch every ipvlan there
 * to the new mode without a word (src/README.md, "One mode per master"). Sees the links of this host namespace and of the pod.
 */
export function refuseOtherMode(sides: Sides, masters: readonly string[], plan: LinkPlan): void {
  if (plan.kind !== "ipvlan") return;
  const hostLinks = sides.host.links();
  const below = new Map<number, string>();
  for (const name of masters) {
    const master = hostLinks.find((link) => link.name === name || link.altnames.includes(name));
    if (master) below.set(master.index, name);
  }
  const local = hostLinks.filter((link) => link.linkNetnsid === undefined);
  const lent = sides.pod.links().filter((link) => link.linkNetnsid !== undefined);
  for (const link of [...local, ...lent]) {
    const master = below.get(link.link);
    const other = link.macvlan ? "macvlan" : link.ipvlan && `ipvlan ${link.ipvlan.mode}`;
    if (master === undefined || other === undefined || other === `ipvlan ${plan.mode}`) continue;
    throw new Failure(`Cannot create an ipvlan ${plan.mode} on ${master}`, {
      code: cniCode.kernel,
      cause: new Failure(
        `${link.name} on it is ${other}, and the kernel keeps one mode per master: use another master or mode`,
      ),
    });
  }
}

/** Says what an errno means here, where the kernel's own words do not. */
function reasonOf(cause: Failure, { master, plan }: { master: string; plan: LinkPlan }): Failure {
  switch (cause.code) {
    case "EBUSY":
      return new Failure(busy(master, plan), { cause });
    case "EOPNOTSUPP":
      return new Failure(`this kernel has no ${plan.kind} (its module is missing)`, { cause });
    default:
      return cause;
  }
}

function busy(master: string, plan: LinkPlan): string {
  const other = plan.kind === "ipvlan" ? "macvlan" : "ipvlan";
  return `${master} is in use by something else: a master carries ${other}, a bridge port or ${plan.kind}, never two of them`;
}
