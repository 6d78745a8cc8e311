import type { Cidr, CidrEntry, CidrHost } from "../api/kinds.ts";
import {
  comparePrefixes,
  type Family,
  formatAddress,
  formatPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "../ip.ts";
import { FR_ACT_TO_TBL, RTN_UNICAST } from "../netlink/routenumbers.ts";
import type { Route, Rule } from "../netlink/types.ts";
import { metricOf, ourProtocol, rulePriority } from "./routes.ts";

/** A network as its slices say it. */
export interface RoutedNetwork {
  readonly name: string;
  /** All of its CIDR slices. */
  readonly slices: readonly Cidr[];
  readonly hostAccess: boolean;
}

/** This host: its node name and its links by name. */
export interface RoutingHost {
  readonly hostName: string;
  readonly links: ReadonlyMap<string, { readonly index: number; readonly up: boolean }>;
}

/** What one network wants of this host; tables are filled in later (`table: 0`). */
export interface WantedRoutes {
  readonly name: string;
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
  /** Routes that cannot be wanted now, because their NIC is away or down. */
  readonly blocked: number;
  readonly failures: readonly string[];
  /** Own podCIDRs, in order. */
  readonly podCIDRs: readonly string[];
  /** `<slice>@<generation>`. */
  readonly observed: readonly string[];
}

/**
 * Works out a network's routes on this host: every other host's podCIDR through its address, by way of this host's own NIC of
 * that plane and no other (the lookup is bound to it). Planes this host lacks and hosts without address are left out.
 */
export function wantedRoutes(network: RoutedNetwork, host: RoutingHost): WantedRoutes {
  const slices = [...network.slices].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const failures: string[] = [];
  const own = ownPlanes(slices, host.hostName);
  const pods = ownPodCIDRs([...own.values()]);
  const podCIDRs = pods.map(formatPrefix);
  const observed = slices.map(({ metadata }) => `${metadata.name}@${metadata.generation ?? 0}`);
  const mode = slices[0]?.spec.config.vlanMode ?? "";
  const base = { name: network.name, podCIDRs, observed };
  if ((mode !== "l3" && mode !== "l3s") || pods.length === 0) {
    return { ...base, routes: [], rules: [], blocked: 0, failures };
  }
  const subnet = slices[0]?.spec.config.subnet ?? "";
  const rules = wantedRules(subnet, pods, { hostAccess: network.hostAccess, failures });
  const peers = peerRoutes(slices, { host, own, mine: new Set(podCIDRs), failures });
  return { ...base, ...peers, rules, failures };
}

interface Peers {
  readonly host: RoutingHost;
  readonly own: ReadonlyMap<string, CidrHost>;
  readonly mine: ReadonlySet<string>;
  readonly failures: string[];
}

function peerRoutes(
  slices: readonly Cidr[],
  { host, own, mine, failures }: Peers,
): { routes: Route[]; blocked: number } {
  const claims = new Map<string, { peer: CidrHost; route: Route }>();
  const blocked = new Map<string, number>();
  for (const entry of slices.flatMap((slice) => slice.spec.cidr)) {
    const master = own.get(planeKey(entry))?.interfaceName;
    if (master === undefined) continue;
    const family = familyOf(entry);
    const link = host.links.get(master);
    for (const peer of entry.hosts) {
      if (peer.hostName === host.hostName || peer.hostIP === "") continue;
      const prefix = parsePrefix(peer.podCIDR);
      // A user may have written the peer's HostInterface: his address is read here, and written as the kernel writes it.
      const gateway = parseAddress(peer.hostIP);
      if (prefix?.family !== family || gateway?.family !== family) {
        failures.push(
          `podCIDR ${peer.podCIDR} via ${peer.hostIP} of ${peer.hostName} on ${entry.netAddress} is not an IPv${family} route`,
        );
        continue;
      }
      const dst = formatPrefix(prefix);
      if (mine.has(dst)) continue;
      if (!link?.up) {
        const why = `${master} is ${link ? "down" : "not there"}`;
        blocked.set(why, (blocked.get(why) ?? 0) + 1);
        continue;
      }
      const route = peerRoute(family, { dst, via: formatAddress(gateway), oif: link.index });
      const claim = claims.get(dst);
      if (claim && claim.peer.hostName !== peer.hostName) {
        failures.push(`podCIDR ${dst} is claimed by ${claim.peer.hostName} and ${peer.hostName}`);
      }
      if (!claim || peer.hostIndex < claim.peer.hostIndex) claims.set(dst, { peer, route });
    }
  }
  for (const [why, count] of blocked) failures.push(`${why}: ${count} routes wait for it`);
  return {
    routes: [...claims.values()].map((claim) => claim.route),
    blocked: [...blocked.values()].reduce((sum, count) => sum + count, 0),
  };
}

/** With subnet "" the own podCIDRs are the source: a rule without source would catch all of the host's traffic. */
function wantedRules(
  subnet: string,
  pods: readonly Prefix[],
  to: { readonly hostAccess: boolean; readonly failures: string[] },
): Rule[] {
  const rules: Rule[] = [];
  for (const text of subnet === "" ? pods.map(formatPrefix) : subnet.split(",")) {
    const prefix = parsePrefix(text.trim());
    if (!prefix || prefix.length === 0) {
      to.failures.push(`subnet ${JSON.stringify(text)} cannot be the source of a rule`);
      continue;
    }
    if (!pods.some((pod) => pod.family === prefix.family)) continue;
    const cidr = formatPrefix(prefix);
    const rule = {
      family: prefix.family,
      priority: rulePriority,
      table: 0,
      protocol: 0,
      action: FR_ACT_TO_TBL,
    };
    rules.push({ ...rule, src: cidr });
    if (to.hostAccess && subnet !== "") rules.push({ ...rule, dst: cidr });
  }
  return rules;
}

function peerRoute(
  family: Family,
  to: { readonly dst: string; readonly via: string; readonly oif: number },
): Route {
  return {
    family,
    dst: to.dst,
    table: 0,
    protocol: ourProtocol,
    type: RTN_UNICAST,
    scope: 0,
    metric: metricOf[family],
    nexthops: [{ via: to.via, oif: to.oif }],
  };
}

/** Own row of each plane and family; a plane is told by its interfaceIndex (two rails share a net address). */
function ownPlanes(slices: readonly Cidr[], hostName: string): Map<string, CidrHost> {
  const own = new Map<string, CidrHost>();
  for (const entry of slices.flatMap((slice) => slice.spec.cidr)) {
    const row = entry.hosts.find((host) => host.hostName === hostName);
    if (row && !own.has(planeKey(entry))) own.set(planeKey(entry), row);
  }
  return own;
}

function ownPodCIDRs(own: readonly CidrHost[]): Prefix[] {
  return own.flatMap((row) => parsePrefix(row.podCIDR) ?? []).sort(comparePrefixes);
}

function planeKey(entry: CidrEntry): string {
  return `${entry.interfaceIndex}/${familyOf(entry)}`;
}

function familyOf(entry: CidrEntry): Family {
  return entry.vlanCIDR.includes(":") ? 6 : 4;
}
