import { cniCode } from "../api/cni.ts";
import { codeOf, Failure } from "../errors.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { Link, Route } from "../netlink/types.ts";
import type { UndoStack } from "../undo.ts";
import { type LinkPlan, newLink } from "./attach-plan.ts";
import type { CniDeps } from "./deps.ts";

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
  const taken = links.find(
    (link) =>
      isOurName(link.name, ifname) ||
      (!chained && (link.name === ifname || link.altnames.includes(ifname))),
  );
  if (!taken) return;
  throw new Failure(`Cannot attach ${ifname}`, {
    code: cniCode.kernel,
    cause: new Failure(`the pod has an interface ${taken.name} already`),
  });
}

/** Creates one link straight into the pod's namespace and returns it; its deletion goes on the undo stack. */
export function createLink(
  sides: Sides,
  wanted: { name: string; master: string; mac: string; plan: LinkPlan },
  undo: UndoStack,
): Link {
  const { name, plan } = wanted;
  const master = sides.host.link(wanted.master);
  if (!master) {
    throw new Failure(`Cannot create ${name}`, {
      code: cniCode.kernel,
      cause: new Failure(`the host has no interface ${wanted.master}`),
    });
  }
  if (plan.mtu > master.mtu) {
    throw new Failure(`Cannot create ${name}`, {
      code: cniCode.config,
      cause: new Failure(`plugin.mtu is ${plan.mtu}, but ${master.name} has ${master.mtu}`),
    });
  }
  try {
    sides.host.addLink(name, newLink(plan, master.index), {
      netnsFd: sides.netnsFd,
      ...(plan.mtu > 0 ? { mtu: plan.mtu } : {}),
      ...(wanted.mac !== "" && plan.kind === "macvlan" ? { mac: wanted.mac } : {}),
    });
  } catch (cause) {
    throw new Failure(`Cannot create ${plan.kind} ${name} on ${master.name}`, {
      code: cniCode.kernel,
      cause: reasonOf(cause, { master, plan }),
    });
  }
  undo.push(`delete ${name}`, () => {
    sides.pod.deleteLink(name);
  });
  const link = sides.pod.link(name);
  if (!link) throw new Failure(`Cannot find ${name} in the pod right after creating it`);
  return link;
}

/** Gives a link its addresses and sets it up; IPv6 without duplicate address detection, else it is not usable at once. */
export function configureLink(pod: Kernel, link: Link, addresses: readonly string[]): void {
  for (const address of addresses) {
    try {
      pod.addAddress(link.index, address, address.includes(":") ? { nodad: true } : {});
    } catch (cause) {
      throw new Failure(`Cannot add ${address} to ${link.name}`, { code: cniCode.kernel, cause });
    }
  }
  pod.setLink(link.index, { up: true });
}

/** Adds routes in the pod. One that is there already stays as it is: the first network wins, as with the reference plugins. */
export function addRoutes(pod: Kernel, routes: readonly Route[], deps: CniDeps): void {
  for (const route of routes) {
    try {
      pod.addRoute(route);
    } catch (cause) {
      if (codeOf(cause) !== "EEXIST") {
        throw new Failure(`Cannot add the route ${route.dst} in the pod`, {
          code: cniCode.kernel,
          cause,
        });
      }
      deps.log.warn("route is in the pod already, left as it is", { dst: route.dst });
    }
  }
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
function reasonOf(cause: unknown, { master, plan }: { master: Link; plan: LinkPlan }): unknown {
  switch (codeOf(cause)) {
    case "EBUSY":
      return new Failure(busy(master, plan), { cause });
    case "EOPNOTSUPP":
      return new Failure(`this kernel has no ${plan.kind} (its module is missing)`, { cause });
    default:
      return cause;
  }
}

function busy(master: Link, plan: LinkPlan): string {
  const other = plan.kind === "ipvlan" ? "macvlan" : "ipvlan";
  return `${master.name} is in use by something else: a master carries ${other}, a bridge port or ${plan.kind}, never two of them`;
}
