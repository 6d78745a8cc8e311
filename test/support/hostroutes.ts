import type { Cidr } from "../../src/lib/api/kinds.ts";
import type { Route, Rule } from "../../src/lib/netlink/types.ts";
import type { HostRouteStep } from "../../src/lib/plan/route-diff.ts";
import { type HostRoutesInput, planHostRoutes } from "../../src/lib/plan/route-hostroutes.ts";
import { sameSelection } from "../../src/lib/plan/routes.ts";

/** Links of a host of the worked example. */
export const links = new Map([
  ["eth0", { index: 2, up: true }],
  ["eth1", { index: 3, up: true }],
  ["eth2", { index: 4, up: true }],
]);
/** A kernel without routes and rules. */
export const empty = { routes: [], rules: [] };

/** What a host sees of these slices: nothing recorded, nothing attached, an empty kernel unless said otherwise. */
export function input(slices: Cidr[], more: Partial<HostRoutesInput> = {}): HostRoutesInput {
  const names = [...new Set(slices.map((cidr) => cidr.spec.config.name))];
  return {
    hostName: "host1",
    links,
    networks: names.map((name) => ({
      name,
      slices: slices.filter((cidr) => cidr.spec.config.name === name),
      hostAccess: false,
    })),
    recorded: new Map(),
    named: [],
    attached: new Set(),
    kernel: empty,
    ...more,
  };
}

/** Says a route as `ip route show table` does, with interface names of `links`. */
function say(route: Route): string {
  const [hop] = route.nexthops;
  const dev = [...links].find(([, link]) => link.index === hop?.oif)?.[0];
  const metric = route.metric === 0 ? "" : ` metric ${route.metric}`;
  return `${route.dst} via ${hop?.via} dev ${dev} proto ${route.protocol}${metric} table ${route.table}`;
}
/** Says a rule as `ip rule` does. */
export const sayRule = (rule: Rule) =>
  `${rule.priority}: from ${rule.src ?? "all"}${rule.dst ? ` to ${rule.dst}` : ""} lookup ${rule.table}`;
/** Says a step and what it is about. */
export const sayStep = (step: HostRouteStep) =>
  "route" in step
    ? `${step.kind} ${say(step.route)}`
    : "rule" in step
      ? `${step.kind} ${sayRule(step.rule)}`
      : step.kind === "recordTable"
        ? `${step.kind} ${step.network} ${step.table}`
        : `${step.kind} ${step.network}`;
/** Says every step of the plan. */
export const steps = (of: HostRoutesInput) => planHostRoutes(of).steps.map(sayStep);

interface Node {
  routes: Route[];
  rules: Rule[];
  recorded: Map<string, number>;
}

/** The kernel's own rules for what is the same route (table, dst, metric) and the same rule, and nicd's record. */
function apply(node: Node, list: readonly HostRouteStep[]): void {
  const key = ({ table, dst, metric }: Route) => `${table} ${dst} ${metric}`;
  const routes = new Map(node.routes.map((route) => [key(route), route]));
  for (const step of list) {
    switch (step.kind) {
      case "recordTable":
        node.recorded.set(step.network, step.table);
        break;
      case "releaseTable":
        node.recorded.delete(step.network);
        break;
      case "addRule":
        node.rules.push(step.rule);
        break;
      case "deleteRule":
        node.rules.splice(
          node.rules.findIndex(
            (rule) => sameSelection(rule, step.rule) && rule.priority === step.rule.priority,
          ),
          1,
        );
        break;
      case "delete":
        if (!routes.has(key(step.route))) throw new Error(`${sayStep(step)}: it is not there`);
        routes.delete(key(step.route));
        break;
      default:
        routes.set(key(step.route), step.route);
    }
  }
  node.routes = [...routes.values()];
}

/** Returns the same host after the plan was carried out. */
export function settled(of: HostRoutesInput): HostRoutesInput {
  const node: Node = {
    routes: [...of.kernel.routes],
    rules: [...of.kernel.rules],
    recorded: new Map(of.recorded),
  };
  apply(node, planHostRoutes(of).steps);
  return { ...of, kernel: node, recorded: node.recorded };
}
