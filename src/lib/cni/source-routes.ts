import type { CniIp, CniResult } from "../api/cni-result.ts";
import {
  containsAddress,
  type Family,
  first,
  formatAddress,
  formatPrefix,
  parseAddress,
  parseAddressWithLength,
  parsePrefix,
  prefixOf,
} from "../ip.ts";
import {
  FR_ACT_TO_TBL,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTN_UNICAST,
  RTPROT_RA,
} from "../netlink/routenumbers.ts";
import type { Link, Route, Rule } from "../netlink/types.ts";

/** One NIC of the pod with what an ADD gave it. */
export interface SourceNic {
  readonly index: number;
  readonly ips: readonly CniIp[];
}

/** What makes packets from a NIC's addresses leave by that NIC. */
export interface SourceRoutes {
  readonly rules: readonly Rule[];
  readonly routes: readonly Route[];
}

/** Ours in the pod, as on the host (src/README.md, decision 6): a pod's tables are in a namespace of their own. */
const firstTable = 30000;
const rulePriority = 30000;
const ourProtocol = 77;
const anywhere = { 4: "0.0.0.0/0", 6: "::/0" } as const;
const linkLocal = "fe80::/64";

/**
 * Plans each NIC's table and `from` rules: what the main table has by way of this NIC, the result's own routes through a
 * gateway on its network, and a default: the result's, else by the gateway of its address, else on-link.
 */
export function planSourceRoutes(
  nics: readonly SourceNic[],
  seen: { readonly main: readonly Route[]; readonly routes: CniResult["routes"] },
): SourceRoutes {
  const rules: Rule[] = [];
  const routes: Route[] = [];
  for (const nic of nics) {
    for (const family of [4, 6] as const) {
      const ips = nic.ips.filter(({ address }) => familyOf(address) === family);
      if (ips.length === 0) continue;
      rules.push(...ips.flatMap(({ address }) => ruleFor(address, sourceTable(nic.index))));
      routes.push(...tableOf({ index: nic.index, ips }, family, seen));
    }
  }
  return { rules, routes };
}

/** Numbers a NIC's table: an interface index stands for one NIC of a namespace, whatever networks the pod has. */
export function sourceTable(index: number): number {
  return firstTable + index;
}

/** Picks the rules that sourceRouting made for NICs that are no longer there. */
export function staleRules(rules: readonly Rule[], links: readonly Link[]): Rule[] {
  const tables = new Set(links.map(({ index }) => sourceTable(index)));
  return rules.filter((rule) => isOurs(rule) && !tables.has(rule.table));
}

/** Lists what sourceRouting lacks, for CHECK. */
export function missingSourceRoutes(
  nics: readonly (SourceNic & { readonly name: string })[],
  seen: { readonly rules: readonly Rule[]; readonly routes: readonly Route[] },
): string[] {
  return nics.flatMap(({ name, index, ips }) => {
    const table = sourceTable(index);
    return ips.flatMap(({ address }) => {
      const faults: string[] = [];
      const [rule] = ruleFor(address, table);
      if (!seen.rules.some((each) => each.src === rule?.src && each.table === table))
        faults.push(`the pod has no rule from ${address} to ${name}'s table ${table}`);
      const family = familyOf(address);
      if (!seen.routes.some((each) => each.table === table && each.dst === anywhere[family]))
        faults.push(`${name}'s table ${table} has no IPv${family} default route`);
      return faults;
    });
  });
}

function tableOf(
  nic: SourceNic,
  family: Family,
  seen: { readonly main: readonly Route[]; readonly routes: CniResult["routes"] },
): Route[] {
  const table = sourceTable(nic.index);
  const byTarget = new Map<string, Route>();
  const put = (route: Route) => {
    if (!byTarget.has(route.dst)) byTarget.set(route.dst, route);
  };
  const base = { family, table, protocol: ourProtocol, type: RTN_UNICAST, metric: 0 };
  const plain = (dst: string, via?: string): Route => ({
    ...base,
    dst,
    scope: via || family === 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
    nexthops: [{ oif: nic.index, ...(via ? { via } : {}) }],
  });
  for (const route of seen.main) {
    if (route.family !== family || route.table !== RT_TABLE_MAIN) continue;
    // What a router announced runs out, and a copy would not.
    if (route.type !== RTN_UNICAST || route.protocol === RTPROT_RA) continue;
    const hop = route.nexthops.find(({ oif }) => oif === nic.index);
    if (!hop) continue;
    const { weight: _, ...only } = hop;
    put({ ...route, table, protocol: ourProtocol, nexthops: [only] });
  }
  const planes = nic.ips.flatMap(({ address }) => parsePrefix(address) ?? []);
  for (const plane of planes) put(plain(formatPrefix(plane)));
  // An answer to a neighbour's link-local address must not go through the gateway.
  if (family === 6) put(plain(linkLocal));
  for (const { dst, gw } of seen.routes) {
    const prefix = parsePrefix(dst);
    const gateway = gw === undefined ? undefined : parseAddress(gw);
    if (!prefix || !gateway || !planes.some((plane) => containsAddress(plane, gateway))) continue;
    put(plain(formatPrefix(prefix), formatAddress(gateway)));
  }
  const ways = [...byTarget.values()];
  if (!ways.some(({ dst }) => dst === anywhere[family])) {
    ways.push(plain(anywhere[family], nic.ips.find(({ gateway }) => gateway)?.gateway));
  }
  return ways;
}

function ruleFor(address: string, table: number): Rule[] {
  const parsed = parseAddressWithLength(address);
  if (!parsed) return [];
  const { family } = parsed.address;
  const host = prefixOf(parsed.address, family === 4 ? 32 : 128);
  const src = `${formatAddress(first(host))}/${host.length}`;
  return [
    {
      family,
      priority: rulePriority,
      src,
      table,
      protocol: ourProtocol,
      action: FR_ACT_TO_TBL,
    },
  ];
}

function isOurs(rule: Rule): boolean {
  return (
    rule.protocol === ourProtocol && rule.priority === rulePriority && rule.table >= firstTable
  );
}

function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}
