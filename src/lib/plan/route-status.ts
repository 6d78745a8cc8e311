import type { NetworkRoutesStatus } from "../api/kinds.ts";
import type { Route } from "../netlink/types.ts";
import type { NetworkRoutes } from "./route-hostroutes.ts";
import { type KernelRoutes, routeKey, sameRoute, sameSelection } from "./routes.ts";

/** How many failures a report names; the rest is counted. */
const named = 8;

const nothing = { wanted: 0, applied: 0, podCIDRs: [], observed: [] };

/**
 * Reports each network's routes from what the kernel has after the changes: `applied` counts what was read back. Attached
 * networks whose CIDR is away keep their last report, so that their podCIDRs are not forgotten.
 */
export function routeStatus(
  networks: readonly NetworkRoutes[],
  after: KernelRoutes,
  of: {
    /** What went wrong while changing, by network. */
    readonly failures: ReadonlyMap<string, readonly string[]>;
    readonly before: readonly NetworkRoutesStatus[];
    readonly attached: ReadonlySet<string>;
    /** Networks that cannot be read, with what is wrong: their last report stays, as failed. */
    readonly unreadable?: ReadonlyMap<string, readonly string[]> | undefined;
    /** Tells whether a pod here holds an address of a podCIDR: only those are reported, the others may still move. */
    readonly inUse: (network: string, podCIDR: string) => boolean;
  },
): NetworkRoutesStatus[] {
  const index = new Map<string, Route[]>();
  for (const route of after.routes) {
    const key = `${route.table} ${routeKey(route)}`;
    const list = index.get(key);
    if (list) list.push(route);
    else index.set(key, [route]);
  }
  const read = networks
    .filter((network) => network.podCIDRs.length > 0 || network.routes.length > 0)
    .map((network) => {
      const missing = network.routes.filter(
        (route) =>
          index.get(`${route.table} ${routeKey(route)}`)?.some((is) => sameRoute(is, route)) !==
          true,
      );
      const failures = [...network.failures, ...(of.failures.get(network.name) ?? [])];
      for (const rule of network.rules) {
        if (network.table !== undefined && !after.rules.some((is) => sameSelection(is, rule)))
          failures.push(`rule ${ruleText(rule)} is not there`);
      }
      if (missing.length > 0 && failures.length === 0)
        failures.push(`${missing.length} routes are not there, the first to ${missing[0]?.dst}`);
      return {
        name: network.name,
        wanted: network.routes.length + network.blocked,
        applied: network.routes.length - missing.length,
        failures: shorten(failures),
        podCIDRs: network.podCIDRs.filter((podCIDR) => of.inUse(network.name, podCIDR)),
        observed: [...network.observed],
      };
    });
  const unread = [...(of.unreadable ?? [])].map(([name, failures]) => ({
    ...nothing,
    ...of.before.find((old) => old.name === name),
    name,
    failures: shorten(failures),
  }));
  const reports = [...read, ...unread];
  const lost = of.before.filter(
    (old) => of.attached.has(old.name) && !reports.some((report) => report.name === old.name),
  );
  return [...reports, ...lost].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function ruleText(rule: NetworkRoutes["rules"][number]): string {
  const to = rule.dst === undefined ? "" : ` to ${rule.dst}`;
  return `from ${rule.src ?? "all"}${to} lookup ${rule.table}`;
}

function shorten(failures: readonly string[]): string[] {
  return failures.length <= named
    ? [...failures]
    : [...failures.slice(0, named), `and ${failures.length - named} more`];
}
