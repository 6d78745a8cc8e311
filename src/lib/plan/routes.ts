import type { Family } from "../ip.ts";
import type { Route, Rule } from "../netlink/types.ts";

/** Marks every route that is ours (RTPROT_* above 4 are for anyone; ip prints `proto 77`). */
export const ourProtocol = 77;
/** Priority of our rules: after `local`, before `main`. */
export const rulePriority = 30_000;
/** What the kernel gives an IPv6 route without a metric (IP6_RT_PRIO_USER); IPv4 has 0. */
export const metricOf: Readonly<Record<Family, number>> = { 4: 0, 6: 1024 };

/** Routes and rules of both families, all tables. */
export interface KernelRoutes {
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
}

/** Tells whether a route in the kernel is just what is wanted. */
export function sameRoute(is: Route, wanted: Route): boolean {
  const [hop] = is.nexthops;
  const [want] = wanted.nexthops;
  return (
    is.nexthops.length === 1 &&
    hop?.via === want?.via &&
    hop?.oif === want?.oif &&
    hop?.onlink !== true &&
    is.dst === wanted.dst &&
    is.table === wanted.table &&
    is.metric === wanted.metric &&
    is.protocol === wanted.protocol &&
    is.type === wanted.type &&
    is.prefsrc === undefined &&
    is.mtu === undefined &&
    is.advmss === undefined
  );
}

/** What the kernel takes two routes of one table for the same by. */
export function routeKey(route: Route): string {
  return `${route.dst} ${route.metric}`;
}

/** Tells whether two rules select the same packets for the same table. */
export function sameSelection(a: Rule, b: Rule): boolean {
  return (
    a.family === b.family &&
    a.table === b.table &&
    a.action === b.action &&
    a.src === b.src &&
    a.dst === b.dst &&
    a.iif === b.iif &&
    a.oif === b.oif
  );
}

/** Groups routes by table. */
export function byTable(routes: readonly Route[]): Map<number, Route[]> {
  const tables = new Map<number, Route[]>();
  for (const route of routes) {
    const list = tables.get(route.table);
    if (list) list.push(route);
    else tables.set(route.table, [route]);
  }
  return tables;
}
