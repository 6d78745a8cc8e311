import type { Cidr, MultiNicNetwork } from "../api/kinds.ts";
import type { Unreadable } from "../api/meta.ts";
import { fieldOf, networkOf } from "./networkof.ts";
import type { HostRoutesInput } from "./route-hostroutes.ts";

/**
 * Returns the networks whose routes are known, and why those of others are not: a slice that cannot be read may want any
 * route.
 */
export function routedNetworks(seen: {
  readonly slices: readonly Cidr[];
  readonly networks: readonly MultiNicNetwork[];
  /** Slices and networks that are not in those lists; others do not matter here. */
  readonly unreadable: readonly Unreadable[];
}): Pick<HostRoutesInput, "networks" | "unreadable"> {
  const unreadable = new Map<string, string[]>();
  const lost = (name: string, problem: string) =>
    unreadable.set(name, [...(unreadable.get(name) ?? []), problem]);
  const ofKind = (kind: string) => seen.unreadable.filter(({ object }) => object.kind === kind);
  for (const { object, problem } of ofKind("CIDR")) lost(networkOf(object), problem);
  const slices = Map.groupBy(seen.slices, (slice) => slice.spec.config.name);
  const open = new Set(
    seen.networks.flatMap(({ metadata, spec }) => (spec.hostAccess ? metadata.name : [])),
  );
  for (const { object, problem } of ofKind("MultiNicNetwork")) {
    const { name } = object.metadata;
    const spec = fieldOf(object, "spec");
    const access = fieldOf(spec, "hostAccess");
    // Of the network itself only this matters here.
    if (access === true) open.add(name);
    else if (slices.has(name) && access !== false && (access !== undefined || !spec))
      lost(name, problem);
  }
  const networks = [...slices]
    .filter(([name]) => !unreadable.has(name))
    .map(([name, list]) => ({ name, slices: list, hostAccess: open.has(name) }));
  return { networks, unreadable };
}
