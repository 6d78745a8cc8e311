import { FR_ACT_TO_TBL } from "../netlink/routenumbers.ts";
import type { Route, Rule } from "../netlink/types.ts";
import type { HostRouteStep } from "./route-diff.ts";

/** Writes a route as `ip route` does; `names` = links' names by index. */
export function routeText(route: Route, names: ReadonlyMap<number, string>): string {
  const [hop] = route.nexthops;
  const via = hop?.via === undefined ? "" : ` via ${hop.via}`;
  const dev = hop?.oif === undefined ? "" : ` dev ${names.get(hop.oif) ?? hop.oif}`;
  return `${route.dst}${via}${dev} table ${route.table} proto ${route.protocol}`;
}

/** Writes a rule as `ip rule` does. */
export function ruleText(rule: Rule): string {
  const to = rule.dst === undefined ? "" : ` to ${rule.dst}`;
  const iif = rule.iif === undefined ? "" : ` iif ${rule.iif}`;
  const oif = rule.oif === undefined ? "" : ` oif ${rule.oif}`;
  const what = rule.action === FR_ACT_TO_TBL ? `lookup ${rule.table}` : `action ${rule.action}`;
  return `${rule.priority}: from ${rule.src ?? "all"}${to}${iif}${oif} ${what}`;
}

/** Says what a step does, for people. */
export function stepText(step: HostRouteStep, names: ReadonlyMap<number, string>): string {
  const of = step.network === "" ? "" : ` of network ${step.network}`;
  switch (step.kind) {
    case "recordTable":
      return `take table ${step.table} for network ${step.network}`;
    case "releaseTable":
      return `give the table of network ${step.network} back`;
    case "addRule":
      return `add rule ${ruleText(step.rule)}${of}`;
    case "deleteRule":
      return `delete rule ${ruleText(step.rule)}${of}`;
    default:
      return `${step.kind} route ${routeText(step.route, names)}${of}`;
  }
}
