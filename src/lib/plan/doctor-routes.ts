import type { Cidr, MultiNicNetwork } from "../api/kinds.ts";
import type { Unreadable } from "../api/meta.ts";
import { overlaps, parsePrefix } from "../ip.ts";
import { FR_ACT_TO_TBL } from "../netlink/routenumbers.ts";
import type { Route, Rule } from "../netlink/types.ts";
import { type Finding, finding } from "./doctor-finding.ts";
import { type HostRoutesPlan, planHostRoutes } from "./route-hostroutes.ts";
import { routedNetworks } from "./route-routed.ts";
import { isReserved, type NamedTable } from "./route-tablechoice.ts";
import { routeText, ruleText } from "./route-text.ts";
import { type KernelRoutes, ourProtocol, routeKey, rulePriority } from "./routes.ts";

export interface RoutesSeen {
  readonly hostName: string;
  readonly links: readonly {
    readonly name: string;
    readonly index: number;
    readonly up: boolean;
    readonly carrier: boolean;
  }[];
  readonly kernel: KernelRoutes;
  readonly networks: readonly MultiNicNetwork[];
  readonly slices: readonly Cidr[];
  readonly unreadable: readonly Unreadable[];
  /** Routing tables on nicd's record. */
  readonly tables: readonly { readonly network: string; readonly id: number }[];
  readonly named: readonly NamedTable[];
  /** Networks with attachments here. */
  readonly attached: ReadonlySet<string>;
}

const collect = "multinic gc";

/** Finds every wanted route and rule that is not there, and every other one in our tables, of our protocol or priority. */
export function examineRoutes(seen: RoutesSeen): Finding[] {
  const plan = planOf(seen);
  const names = new Map(seen.links.map(({ index, name }) => [index, name]));
  const say = (route: Route) => routeText(route, names);
  const out: Finding[] = examineMasters(seen);
  for (const step of plan.steps) {
    const of = step.network === "" ? "" : ` of network ${step.network}`;
    if (step.kind === "add" || step.kind === "replace") {
      const name = step.kind === "add" ? "RouteMissing" : "RouteWrong";
      const is = step.kind === "add" ? "is not there" : "is there in another form";
      const what = `route ${say(step.route)}${of} ${is}`;
      out.push(finding(name, routeSubject(step.route), { what, mend: collect }));
    } else if (step.kind === "delete") {
      const what = `route ${say(step.route)}${of} is there, and no network wants it`;
      out.push(finding("RouteLeftOver", routeSubject(step.route), { what, mend: collect }));
    } else if (step.kind === "addRule") {
      const what = `rule ${ruleText(step.rule)}${of} is not there`;
      out.push(finding("RuleMissing", ruleText(step.rule), { what, mend: collect }));
    } else if (step.kind === "deleteRule") {
      const what = `rule ${ruleText(step.rule)}${of} is there, and no network wants it`;
      out.push(finding("RuleLeftOver", ruleText(step.rule), { what, mend: collect }));
    }
  }
  out.push(...foreigners(plan, seen, say), ...shadows(plan, seen));
  return out;
}

function planOf(seen: RoutesSeen): HostRoutesPlan {
  return planHostRoutes({
    ...routedNetworks(seen),
    hostName: seen.hostName,
    links: new Map(seen.links.map((link) => [link.name, link])),
    recorded: new Map(seen.tables.map(({ network, id }) => [network, id])),
    named: seen.named,
    attached: seen.attached,
    kernel: seen.kernel,
  });
}

/** NICs that slices name for this host. */
function examineMasters(seen: RoutesSeen): Finding[] {
  const masters = new Set(
    seen.slices.flatMap(({ spec }) =>
      spec.cidr.flatMap(({ hosts }) =>
        hosts.filter((host) => host.hostName === seen.hostName).map((host) => host.interfaceName),
      ),
    ),
  );
  return [...masters].flatMap((name) => {
    const link = seen.links.find((one) => one.name === name);
    const subject = `${seen.hostName} ${name}`;
    if (!link) {
      const what = `this node has no NIC ${name}, on which networks have podCIDRs`;
      return [finding("MasterMissing", subject, { what, mend: "ip link show" })];
    }
    if (!link.up) {
      const what = `NIC ${name} is down`;
      return [finding("MasterDown", subject, { what, mend: `ip link set ${name} up` })];
    }
    if (link.carrier) return [];
    const what = `NIC ${name} has no carrier`;
    return [finding("MasterNoCarrier", subject, { what, mend: `ethtool ${name}` })];
  });
}

/** Routes and rules that nicd does not touch: of other programs in our tables, and of our protocol in the kernel's own. */
function foreigners(
  plan: HostRoutesPlan,
  { kernel }: RoutesSeen,
  say: (route: Route) => string,
): Finding[] {
  const ours = new Map(
    plan.networks.flatMap(({ table, adopted, name }) =>
      table === undefined || adopted ? [] : [[table, name] as const],
    ),
  );
  const out: Finding[] = [];
  for (const route of kernel.routes) {
    const network = ours.get(route.table);
    const mine = route.protocol === ourProtocol;
    if (network === undefined ? !(mine && isReserved(route.table)) : mine) continue;
    const mend = `ip${six(route)} route del ${route.dst} table ${route.table} proto ${route.protocol}`;
    const subject = `${routeSubject(route)} ${route.protocol}`;
    if (network === undefined) {
      const what = `route ${say(route)} has our protocol in a table where we set none`;
      out.push(finding("RouteLeftOver", subject, { what, mend }));
    } else {
      const what = `route ${say(route)} is in table ${route.table}, which belongs to network ${network}`;
      out.push(finding("RouteForeign", subject, { what, mend }));
    }
  }
  for (const rule of kernel.rules) {
    const network = ours.get(rule.table);
    if (network === undefined || rule.action !== FR_ACT_TO_TBL || rule.priority === rulePriority)
      continue;
    const what = `rule ${ruleText(rule)} leads into the table of network ${network}`;
    const mend = `ip${six(rule)} rule del priority ${rule.priority} table ${rule.table}`;
    out.push(finding("RuleForeign", ruleText(rule), { what, mend }));
  }
  return out;
}

function six({ family }: { readonly family: 4 | 6 }): string {
  return family === 6 ? " -6" : "";
}

/** Rules of others before ours whose packets are some of ours: they never get to our table, if that one leads anywhere. */
function shadows(plan: HostRoutesPlan, { kernel }: RoutesSeen): Finding[] {
  const out: Finding[] = [];
  for (const { rules, name } of plan.networks) {
    for (const mine of rules) {
      for (const rule of kernel.rules) {
        if (rule.priority >= rulePriority || rule.family !== mine.family) continue;
        // Every host looks into `local` first.
        if (rule.priority === 0 && rule.table === 255) continue;
        if (rule.iif !== undefined || rule.oif !== undefined) continue;
        if (!meets(rule.src, mine.src) || !meets(rule.dst, mine.dst)) continue;
        if (rule.action === FR_ACT_TO_TBL && !leads(rule, mine, kernel)) continue;
        const what = `rule ${ruleText(rule)} comes before ${ruleText(mine)} of network ${name} and takes its packets`;
        const mend = `ip${six(rule)} rule del priority ${rule.priority}`;
        out.push(finding("RuleShadowed", `${ruleText(rule)} ${ruleText(mine)}`, { what, mend }));
      }
    }
  }
  return out;
}

/** A table without a route to the network's addresses sends the packet on to the next rule. */
function leads(rule: Rule, mine: Rule, kernel: KernelRoutes): boolean {
  const subnet = mine.src ?? mine.dst;
  return kernel.routes.some(
    (route) =>
      route.family === rule.family && route.table === rule.table && meets(route.dst, subnet),
  );
}

function meets(a: string | undefined, b: string | undefined): boolean {
  const one = parsePrefix(a ?? "");
  const other = parsePrefix(b ?? "");
  return one === undefined || other === undefined || overlaps(one, other);
}

function routeSubject(route: Route): string {
  return `${routeKey(route)} table ${route.table}`;
}
