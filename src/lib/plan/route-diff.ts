import type { Route, Rule } from "../netlink/types.ts";
import { routeKey, sameRoute, sameSelection } from "./routes.ts";

export type HostRouteStep =
  | { readonly kind: "recordTable"; readonly network: string; readonly table: number }
  | { readonly kind: "deleteRule" | "addRule"; readonly network: string; readonly rule: Rule }
  | {
      readonly kind: "add" | "replace" | "delete";
      readonly network: string;
      readonly route: Route;
    }
  | { readonly kind: "releaseTable"; readonly network: string };

/** Rules go first and come last: traffic is never sent into a table that is not filled yet. */
export class Steps {
  readonly record: HostRouteStep[] = [];
  readonly deleteRules: HostRouteStep[] = [];
  readonly set: HostRouteStep[] = [];
  readonly addRules: HostRouteStep[] = [];
  readonly remove: HostRouteStep[] = [];
  readonly release: HostRouteStep[] = [];

  inOrder(): HostRouteStep[] {
    return [
      this.record,
      this.deleteRules,
      this.set,
      this.addRules,
      this.remove,
      this.release,
    ].flat();
  }
}

/** Adds the rules that a network wants and deletes its own that it does not; in an adopted table the priority is left. */
export function planRules(
  steps: Steps,
  network: string,
  of: {
    readonly wanted: readonly Rule[];
    readonly present: readonly Rule[];
    readonly adopted: boolean;
    readonly ours: (rule: Rule) => boolean;
  },
): void {
  const satisfies = (rule: Rule, want: Rule) =>
    sameSelection(rule, want) && (of.adopted || rule.priority === want.priority);
  for (const rule of of.present) {
    if (of.ours(rule) && !of.wanted.some((want) => satisfies(rule, want)))
      steps.deleteRules.push({ kind: "deleteRule", network, rule });
  }
  for (const rule of of.wanted) {
    if (!of.present.some((have) => satisfies(have, rule)))
      steps.addRules.push({ kind: "addRule", network, rule });
  }
}

/** Compares a table with the routes wanted in it, by set difference; returns what cannot be set, because a route of somebody else holds the place. */
export function planTable(
  steps: Steps,
  network: string,
  of: {
    readonly wanted: readonly Route[];
    readonly present: readonly Route[];
    readonly ours: (route: Route) => boolean;
  },
): string[] {
  const failures: string[] = [];
  const here = new Map<string, Route[]>();
  for (const route of of.present) {
    const key = routeKey(route);
    const list = here.get(key);
    if (list) list.push(route);
    else here.set(key, [route]);
  }
  const settled = new Set<Route>();
  for (const route of of.wanted) {
    const rivals = here.get(routeKey(route)) ?? [];
    const exact = rivals.find((rival) => sameRoute(rival, route));
    if (exact) {
      settled.add(exact);
      continue;
    }
    const foreign = rivals.find((rival) => !of.ours(rival));
    if (foreign) {
      failures.push(
        `${route.dst}: a route of protocol ${foreign.protocol} in table ${route.table} is in the way`,
      );
      continue;
    }
    const [replaced] = rivals;
    if (replaced) settled.add(replaced);
    steps.set.push({ kind: replaced ? "replace" : "add", network, route });
  }
  for (const route of of.present) {
    if (of.ours(route) && !settled.has(route))
      steps.remove.push({ kind: "delete", network, route });
  }
  return failures;
}
