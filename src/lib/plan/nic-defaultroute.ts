import type { Family } from "../ip.ts";
import { RTN_UNICAST } from "../netlink/routenumbers.ts";

/** A route of table main, as far as the search for the default one needs it. */
export interface MainRoute {
  readonly family: Family;
  readonly dst: string;
  /** RTN_*: 1 unicast. */
  readonly type: number;
  readonly metric: number;
  readonly nexthops: readonly { readonly oif?: number }[];
}

const defaults = new Set(["0.0.0.0/0", "::/0"]);

/**
 * Returns the indexes of the default route's interfaces (several when it is multipath): IPv4's, lowest metric first;
 * IPv6's only when there is no IPv4 one. `unreachable` and `blackhole` defaults lead nowhere and do not count.
 */
export function defaultRouteInterfaces(main: readonly MainRoute[]): readonly number[] {
  const found = main.filter((route) => defaults.has(route.dst) && route.type === RTN_UNICAST);
  const family = found.some((route) => route.family === 4) ? 4 : 6;
  const own = found.filter((route) => route.family === family);
  const lowest = Math.min(...own.map((route) => route.metric));
  const interfaces = own
    .filter((route) => route.metric === lowest)
    .flatMap((route) => route.nexthops.flatMap((hop) => hop.oif ?? []));
  return [...new Set(interfaces)];
}
