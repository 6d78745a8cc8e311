import { type CniRoute, refuse } from "../api/cni.ts";
import type { CniIp } from "../api/cni-result.ts";
import type { Fault } from "../errors.ts";
import {
  containsAddress,
  formatPrefix,
  parseAddress,
  parseAddressWithLength,
  parsePrefix,
  prefixOf,
} from "../ip.ts";
import {
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_MAIN,
  RTN_UNICAST,
  RTPROT_BOOT,
} from "../netlink/routenumbers.ts";
import type { NextHop, Route } from "../netlink/types.ts";

/** One NIC of the pod, ready for routes. */
export interface PodNic {
  readonly index: number;
  /** With prefix length: that of the vlanCIDR, so the NIC's plane. */
  readonly addresses: readonly string[];
}

export interface PodRoutes {
  readonly routes: readonly Route[];
  /** Hops left out, and why, for the log. */
  readonly skipped: readonly string[];
}

/**
 * Plans the definition's own routes: every gateway by the NIC whose plane holds it, several gateways of one
 * destination as one multipath route, a route without gateway on-link on the first NIC. A gateway on a plane that this
 * pod does not have is left out; one that is nowhere in the network is a fault, except in ipvlan l3, where no neighbour
 * is asked for and any gateway only names the way out.
 */
export function planPodRoutes(
  wanted: readonly CniRoute[],
  nics: readonly PodNic[],
  network: { subnet: string; masterNets: readonly string[]; l3: boolean },
): PodRoutes {
  if (wanted.length === 0) return { routes: [], skipped: [] };
  const faults: Fault[] = [];
  const skipped: string[] = [];
  const planes = [...network.subnet.split(","), ...network.masterNets]
    .map((text) => parsePrefix(text.trim()))
    .filter((prefix) => prefix !== undefined);
  const byTarget = new Map<string, { route: CniRoute; hops: NextHop[] }>();
  for (const [i, route] of wanted.entries()) {
    const prefix = parsePrefix(route.dst);
    if (!prefix) continue;
    const key = `${formatPrefix(prefix)} ${route.priority ?? 0} ${route.table ?? RT_TABLE_MAIN}`;
    const target = byTarget.get(key) ?? { route, hops: [] };
    byTarget.set(key, target);
    const hop = hopFor(route, nics);
    const gateway = parseAddress(route.gw ?? "");
    const first = nics[0];
    const path = `ipam.routes[${i}].gw`;
    if (hop) addHop(target.hops, hop);
    else if (gateway && planes.some((plane) => containsAddress(plane, gateway)))
      skipped.push(`${path} ${route.gw}: the pod has no NIC on that plane`);
    else if (network.l3 && first && route.gw)
      addHop(target.hops, { via: route.gw, oif: first.index, onlink: true });
    else {
      const problem = `${route.gw} is in no network of the pod's NICs (${planesOf(nics)})`;
      faults.push({ path, problem });
    }
  }
  refuse(faults);
  const routes = [...byTarget.values()]
    .filter(({ hops }) => hops.length > 0)
    .map(({ route, hops }) => kernelRoute(route, hops));
  return { routes, skipped };
}

/**
 * Plans the routes that a foreign IPAM gave for one NIC, as the reference plugins do: without a gateway of its own a
 * route takes that of the NIC's address, else it is on-link.
 */
export function planForeignRoutes(
  routes: readonly CniRoute[],
  nic: { index: number; ips: readonly CniIp[] },
): Route[] {
  return routes.map((route) => {
    const family = route.dst.includes(":");
    const via =
      route.gw ?? nic.ips.find((ip) => ip.gateway && ip.gateway.includes(":") === family)?.gateway;
    return kernelRoute(route, [{ oif: nic.index, ...(via ? { via } : {}) }]);
  });
}

function hopFor(route: CniRoute, nics: readonly PodNic[]): NextHop | undefined {
  if (route.gw === undefined) return nics[0] && { oif: nics[0].index };
  const gateway = parseAddress(route.gw);
  const nic = nics.find(({ addresses }) =>
    addresses.some((text) => {
      const parsed = parseAddressWithLength(text);
      if (!gateway || !parsed) return false;
      return containsAddress(prefixOf(parsed.address, parsed.length), gateway);
    }),
  );
  return nic && { via: route.gw, oif: nic.index };
}

function addHop(hops: NextHop[], hop: NextHop): void {
  if (!hops.some((each) => each.via === hop.via && each.oif === hop.oif)) hops.push(hop);
}

function kernelRoute(route: CniRoute, nexthops: NextHop[]): Route {
  const prefix = parsePrefix(route.dst);
  const family = prefix?.family ?? 4;
  const onLink = family === 4 && nexthops.every((hop) => hop.via === undefined);
  return {
    family,
    dst: prefix ? formatPrefix(prefix) : route.dst,
    table: route.table ?? RT_TABLE_MAIN,
    protocol: RTPROT_BOOT,
    type: RTN_UNICAST,
    scope: route.scope ?? (onLink ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE),
    metric: route.priority ?? 0,
    ...(route.mtu ? { mtu: route.mtu } : {}),
    ...(route.advmss ? { advmss: route.advmss } : {}),
    nexthops,
  };
}

function planesOf(nics: readonly PodNic[]): string {
  const texts = nics.flatMap(({ addresses }) => addresses);
  return (
    texts
      .map((text) => parsePrefix(text))
      .filter((prefix) => prefix !== undefined)
      .map(formatPrefix)
      .join(", ") || "none has an address"
  );
}
