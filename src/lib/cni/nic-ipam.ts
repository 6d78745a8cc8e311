import {
  type CniNetwork,
  type CniRoute,
  checkPluginName,
  isObject,
  type JsonObject,
  refuse,
} from "../api/cni.ts";
import { parseRoutes } from "../api/cni-network.ts";
import { type CniResult, familyOf } from "../api/cni-result.ts";
import type { Fault } from "../errors.ts";
import {
  containsAddress,
  formatPrefix,
  parseAddress,
  parseAddressWithLength,
  parsePrefix,
  prefixOf,
} from "../ip.ts";
import type { ChosenNic } from "./nic-config.ts";

/** Deals static addresses out to NICs in order, each family by itself. */
export function ipsOfNic(ips: readonly string[], index: number): readonly string[] {
  return ([4, 6] as const).flatMap((family) => {
    const ip = ips.filter((each) => familyOf(each) === family)[index];
    return ip === undefined ? [] : [ip];
  });
}

/**
 * Returns the IPAM object for one NIC's plugin. `static` carries what nicd or the pod's annotation gave; `multi-config`
 * has one object per master; anything else is handed on as it is. `hostAddresses` = the master's own, for
 * `host-device-ipam`.
 */
export function ipamOf(
  network: CniNetwork,
  nic: ChosenNic,
  options: { index: number; ips: readonly string[]; hostAddresses?: readonly string[] },
): JsonObject {
  if (network.pooled) return staticIpam(nic.addresses);
  const { ipam } = network;
  if (ipam.type === "host-device-ipam") {
    const host = options.hostAddresses ?? [];
    // One of each family, as a NIC of our pools has it.
    return staticIpam(([4, 6] as const).flatMap((family) => firstOf(host, family)));
  }
  const own = ipam.type === "multi-config" ? multiConfig(ipam, nic.master) : ipam;
  const ips = ipsOfNic(options.ips, options.index);
  return own["type"] === "static" && ips.length > 0
    ? { ...own, ...staticIpam(ips.map(withLength)) }
    : own;
}

/** Returns what the reference plugin `static` would answer to an IPAM object; undefined for other types. */
export function staticAnswer(ipam: JsonObject): CniResult | undefined {
  if (ipam["type"] !== "static") return undefined;
  const faults: Fault[] = [];
  const list = Array.isArray(ipam["addresses"]) ? ipam["addresses"] : [];
  const ips = list.filter(isObject).flatMap(({ address, gateway }, i) => {
    if (typeof address !== "string" || !parseAddressWithLength(address)) {
      const problem = `is ${JSON.stringify(address)}: an address with prefix length is wanted`;
      faults.push({ path: `ipam.addresses[${i}].address`, problem });
      return [];
    }
    const gw = typeof gateway === "string" && parseAddress(gateway) ? { gateway } : {};
    return [{ address, ...gw }];
  });
  const routes = parseRoutes(ipam["routes"], "ipam.routes", faults);
  refuse(faults);
  return { interfaces: [], ips, routes, dns: isObject(ipam["dns"]) ? ipam["dns"] : {} };
}

/**
 * Splits the definition's routes for a plugin that makes one NIC: those with one gateway, which lies on that NIC's plane,
 * are its own; the others (several gateways, none) go over several NICs or hang on their order.
 */
export function routesOfNic(
  routes: readonly CniRoute[],
  addresses: readonly string[],
): readonly CniRoute[] {
  const targets = Map.groupBy(routes, ({ dst }) => textOfPrefix(dst));
  const planes = addresses
    .map((text) => parseAddressWithLength(text))
    .flatMap((parsed) => (parsed ? [prefixOf(parsed.address, parsed.length)] : []));
  return routes.filter(({ dst, gw }) => {
    const gateway = gw === undefined ? undefined : parseAddress(gw);
    if (!gateway || (targets.get(textOfPrefix(dst)) ?? []).length !== 1) return false;
    return planes.some((plane) => containsAddress(plane, gateway));
  });
}

function textOfPrefix(text: string): string {
  const prefix = parsePrefix(text);
  return prefix ? formatPrefix(prefix) : text;
}

function firstOf(addresses: readonly string[], family: 4 | 6): string[] {
  return addresses.filter((each) => familyOf(each) === family).slice(0, 1);
}

function staticIpam(addresses: readonly string[]): JsonObject {
  return { type: "static", addresses: addresses.map((address) => ({ address })) };
}

/** An address without prefix length is a host address, as the reference plugin `static` takes it. */
function withLength(ip: string): string {
  if (ip.includes("/")) return ip;
  return `${ip}/${familyOf(ip) === 4 ? 32 : 128}`;
}

function multiConfig(ipam: CniNetwork["ipam"], master: string): JsonObject {
  const type = ipam["ipam_type"];
  const args = isObject(ipam["args"]) ? ipam["args"] : {};
  const own = args[master];
  const faults: Fault[] = [];
  checkPluginName("ipam.ipam_type", typeof type === "string" ? type : "", faults);
  if (!isObject(own)) {
    const masters = Object.keys(args).join(", ") || "none";
    faults.push({ path: `ipam.args.${master}`, problem: `is missing; there are: ${masters}` });
  }
  refuse(faults);
  const network = type === "whereabouts" ? { network_name: master } : {};
  return { ...network, ...(isObject(own) ? own : {}), type };
}
