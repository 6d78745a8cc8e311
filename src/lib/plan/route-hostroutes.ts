import { containsPrefix, parsePrefix } from "../ip.ts";
import { FR_ACT_TO_TBL, RTN_UNICAST } from "../netlink/routenumbers.ts";
import type { Route, Rule } from "../netlink/types.ts";
import { type HostRouteStep, planRules, planTable, Steps } from "./route-diff.ts";
import {
  type ChosenTable,
  chooseTables,
  inRange,
  isCatchAll,
  isReserved,
  type NamedTable,
} from "./route-tablechoice.ts";
import {
  type RoutedNetwork,
  type RoutingHost,
  type WantedRoutes,
  wantedRoutes,
} from "./route-wanted.ts";
import { byTable, type KernelRoutes, ourProtocol, rulePriority } from "./routes.ts";

export interface HostRoutesInput extends RoutingHost {
  readonly networks: readonly RoutedNetwork[];
  /** Networks that cannot be read, with what is wrong: not among `networks`, and what they have stays as it is. */
  readonly unreadable?: ReadonlyMap<string, readonly string[]> | undefined;
  /** Network → table, as nicd has recorded it. */
  readonly recorded: ReadonlyMap<string, number>;
  /** Lines of the host's rt_tables, our own file left out. */
  readonly named: readonly NamedTable[];
  /** Networks with attachments on this host: what they have stays while their CIDR is away. */
  readonly attached: ReadonlySet<string>;
  readonly kernel: KernelRoutes;
}

/** A network's wishes with its table filled in; what status is made from. */
export interface NetworkRoutes extends WantedRoutes {
  /** undefined = it needs none, or none is free. */
  readonly table: number | undefined;
  readonly adopted: boolean;
}

export interface HostRoutesPlan {
  /** In the order in which they must be taken. */
  readonly steps: readonly HostRouteStep[];
  readonly networks: readonly NetworkRoutes[];
  /** Names for `ip rule`: tables of our own range only, the others have theirs already. */
  readonly names: readonly NamedTable[];
}

/**
 * Compares what every network wants of this host with what the kernel has. Only what is ours is ever changed: routes of our
 * protocol, rules of our priority into a network's table, and in a table taken over from v1.3.x that version's routes and rule.
 */
export function planHostRoutes(input: HostRoutesInput): HostRoutesPlan {
  const wishes = input.networks.map((network) => wantedRoutes(network, input));
  const live = wishes.filter((wish) => wish.rules.length > 0);
  const { tables, failures } = chooseTables(live, input.recorded, input);
  const present = byTable(input.kernel.routes);
  const steps = new Steps();
  const held = new Set<number>();
  const networks = wishes.map((wish): NetworkRoutes => {
    const chosen = tables.get(wish.name);
    const failure = failures.get(wish.name);
    if (!chosen) {
      const more = failure === undefined ? [] : [failure];
      return { ...wish, failures: [...wish.failures, ...more], table: undefined, adopted: false };
    }
    const { table, adopted } = chosen;
    const routes = wish.routes.map((route) => ({ ...route, table }));
    const rules = wish.rules.map((rule) => ({ ...rule, table }));
    if (chosen.fresh) steps.record.push({ kind: "recordTable", network: wish.name, table });
    const ours = ownership(chosen, wish);
    planRules(steps, wish.name, {
      wanted: rules,
      present: input.kernel.rules,
      adopted,
      ours: ours.rule,
    });
    const foreign = planTable(steps, wish.name, {
      wanted: routes,
      present: present.get(table) ?? [],
      ours: ours.route,
    });
    return { ...wish, failures: [...wish.failures, ...foreign], routes, rules, table, adopted };
  });
  for (const [name, table] of input.recorded) {
    if (tables.has(name)) continue;
    if (input.unreadable?.has(name)) {
      held.add(table);
      continue;
    }
    // A CIDR that is away while pods run is a fault or a deletion that waits for them: their routes stay.
    const slices = input.networks.find((network) => network.name === name)?.slices.length ?? 0;
    const ownGone = wishes.find((wish) => wish.name === name)?.podCIDRs.length === 0;
    if (input.attached.has(name) && (slices === 0 || ownGone)) {
      held.add(table);
      continue;
    }
    removeNetwork(steps, name, { table, kernel: input.kernel });
  }
  const kept = new Set([
    ...held,
    ...input.recorded.values(),
    ...[...tables.values()].map((chosen) => chosen.table),
  ]);
  // Where the record was lost, a table that nobody seems to have may be that of a network that cannot be read.
  if (!input.unreadable?.size) removeOrphans(steps, kept, input.kernel);
  return { steps: steps.inOrder(), networks, names: namesOf(tables, input.recorded, held) };
}

interface Ownership {
  readonly route: (route: Route) => boolean;
  readonly rule: (rule: Rule) => boolean;
}

function ownership({ table, adopted }: ChosenTable, wish?: WantedRoutes): Ownership {
  const subnets = wish?.rules.flatMap((rule) => parsePrefix(rule.src ?? "") ?? []);
  const peers = new Set(adopted ? wish?.routes.map((route) => route.dst) : []);
  const within = (dst: string) => {
    const prefix = parsePrefix(dst);
    if (prefix === undefined) return false;
    return peers.has(dst) || subnets?.some((subnet) => containsPrefix(subnet, prefix)) !== false;
  };
  return {
    // v1.3.x wrote its routes with protocol boot (3), always through a gateway.
    route: (route) =>
      route.protocol === ourProtocol ||
      (adopted &&
        route.protocol === 3 &&
        route.type === RTN_UNICAST &&
        route.nexthops[0]?.via !== undefined &&
        within(route.dst)),
    rule: (rule) =>
      rule.table === table &&
      rule.action === FR_ACT_TO_TBL &&
      rule.iif === undefined &&
      rule.oif === undefined &&
      (rule.priority === rulePriority ||
        (adopted && (isCatchAll(rule) || subnets === undefined || within(rule.src ?? "")))),
  };
}

function removeNetwork(
  steps: Steps,
  network: string,
  of: { readonly table: number; readonly kernel: KernelRoutes },
): void {
  const ours = ownership({ table: of.table, adopted: !inRange(of.table), fresh: false });
  for (const rule of of.kernel.rules) {
    if (ours.rule(rule)) steps.deleteRules.push({ kind: "deleteRule", network, rule });
  }
  for (const route of of.kernel.routes) {
    if (route.table === of.table && ours.route(route))
      steps.remove.push({ kind: "delete", network, route });
  }
  steps.release.push({ kind: "releaseTable", network });
}

/** Routes of our protocol in tables that nobody has, and rules of ours into such tables: left by a nicd whose record was lost. */
function removeOrphans(steps: Steps, kept: ReadonlySet<number>, kernel: KernelRoutes): void {
  const foreign = new Set<number>();
  const orphaned = new Set<number>();
  for (const route of kernel.routes) {
    if (kept.has(route.table) || isReserved(route.table)) continue;
    if (route.protocol === ourProtocol) {
      orphaned.add(route.table);
      steps.remove.push({ kind: "delete", network: "", route });
    } else foreign.add(route.table);
  }
  for (const rule of kernel.rules) {
    const { priority, action, table } = rule;
    if (priority !== rulePriority || action !== FR_ACT_TO_TBL || !inRange(table)) continue;
    if (kept.has(table)) continue;
    // A table in which only somebody else keeps routes is his, and so may be the rule.
    if (orphaned.has(table) || !foreign.has(table))
      steps.deleteRules.push({ kind: "deleteRule", network: "", rule });
  }
}

function namesOf(
  tables: ReadonlyMap<string, ChosenTable>,
  recorded: ReadonlyMap<string, number>,
  held: ReadonlySet<number>,
): NamedTable[] {
  const names = [...tables].map(([name, { table }]) => ({ id: table, name }));
  for (const [name, id] of recorded) if (held.has(id)) names.push({ id, name });
  return names.filter(({ id }) => inRange(id)).sort((a, b) => a.id - b.id);
}
