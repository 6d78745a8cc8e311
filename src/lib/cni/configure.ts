import { cniCode } from "../api/cni.ts";
import { Failure } from "../errors.ts";
import type { Change, Kernel } from "../linux/kernel.ts";
import type { Link, Route } from "../netlink/types.ts";
import type { CniDeps } from "./deps.ts";

/** What a pod's new links get, all in one go. */
export interface LinkSettings {
  readonly links: readonly Link[];
  /** Of each link, with prefix length. */
  readonly addresses: readonly (readonly string[])[];
  readonly routes: readonly Route[];
  /** Second name of the first link; "" = none. */
  readonly altname: string;
}

/**
 * Gives links their addresses, sets them up, then adds the routes. IPv6 goes without duplicate address detection, else
 * it is not usable at once.
 */
export function configureLinks(pod: Kernel, settings: LinkSettings, deps: CniDeps): void {
  const { links, addresses, routes, altname } = settings;
  const changes: Change[] = [];
  for (const [i, { index }] of links.entries()) {
    for (const address of addresses[i] ?? [])
      changes.push({ verb: "add address", index, address, nodad: address.includes(":") });
    changes.push({ verb: "set link up", index });
  }
  const [first] = links;
  if (first && altname !== "") changes.push({ verb: "add altname", index: first.index, altname });
  for (const route of routes) changes.push({ verb: "add route", route });
  const failures = pod.change(changes);
  for (const [i, change] of changes.entries()) {
    const cause = failures[i];
    if (cause) judge(change, { cause, links, deps });
  }
}

/** Throws, unless a pod can do without the change. */
function judge(
  change: Change,
  { cause, links, deps }: { cause: Failure; links: readonly Link[]; deps: CniDeps },
): void {
  if (change.verb === "add route" && cause.code === "EEXIST") {
    // The first network wins, as with the reference plugins.
    deps.log.warn("route is in the pod already, left as it is", { dst: change.route.dst });
    return;
  }
  if (change.verb === "add altname" && cause.code === "EOPNOTSUPP") {
    deps.log.warn("this kernel has no altnames (5.5 has)", { wanted: change.altname });
    return;
  }
  throw new Failure(`Cannot ${describe(change, links)}`, { code: cniCode.kernel, cause });
}

function describe(change: Change, links: readonly Link[]): string {
  const name = "index" in change ? links.find(({ index }) => index === change.index)?.name : "";
  switch (change.verb) {
    case "add link":
      return `create ${change.name}`;
    case "add address":
      return `add ${change.address} to ${name}`;
    case "set link up":
      return `set ${name} up`;
    case "add altname":
      return `name ${name} ${change.altname} too`;
    case "add route":
      return `add the route ${change.route.dst} in the pod`;
  }
}

/** Lets the first NIC answer to CNI_IFNAME too: Multus' default-route and chained plugins look for it (src/README.md, decision 10). */
export function nameLink(pod: Kernel, name: string, altname: string, deps: CniDeps): void {
  const link = pod.link(name);
  if (!link) return;
  const change = { verb: "add altname", index: link.index, altname } as const;
  const [cause] = pod.change([change]);
  if (cause) judge(change, { cause, links: [link], deps });
}

/** Adds routes in the pod. One that is there already stays as it is. */
export function addRoutes(pod: Kernel, routes: readonly Route[], deps: CniDeps): void {
  const changes = routes.map((route) => ({ verb: "add route", route }) as const);
  for (const [i, cause] of pod.change(changes).entries()) {
    const change = changes[i];
    if (cause && change) judge(change, { cause, links: [], deps });
  }
}
