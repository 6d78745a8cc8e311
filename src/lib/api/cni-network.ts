/** The part of a CNI configuration that only `multi-nic` and `multi-nic-ipam` know. */
import type { Fault } from "../errors.ts";
import { parseAddress, parsePrefix } from "../ip.ts";
import {
  type CniHeader,
  type CniNetwork,
  type CniRoute,
  checkPluginName,
  isObject,
  type JsonObject,
  type RuntimeConfig,
  refuse,
} from "./cni.ts";
import { parsePodArgs, readIps } from "./pod-args.ts";

/** Parses the rest of a configuration; every fault at once, code 7 (2 when a value is known but not supported). */
export function parseNetwork(header: CniHeader): CniNetwork {
  const { raw } = header;
  const faults: Fault[] = [];
  const plugin = object(raw, "plugin", faults);
  const ipam = object(raw, "ipam", faults);
  const { type: pluginType, cniVersion, capabilities: _, ...rest } = plugin;
  const ipamType = typeof ipam["type"] === "string" ? ipam["type"] : "";
  if (typeof ipam["type"] !== "string" && ipam["type"] !== undefined)
    faults.push({ path: "ipam.type", problem: "is no string" });
  else if (ipamType !== "") checkPluginName("ipam.type", ipamType, faults);
  const each = ipam["ipam_type"];
  if (typeof each === "string") checkPluginName("ipam.ipam_type", each, faults);
  if (typeof pluginType === "string") checkPluginName("plugin.type", pluginType, faults);
  else if (pluginType !== undefined) faults.push({ path: "plugin.type", problem: "is no string" });
  const ours = ipamType === "multi-nic-ipam";
  const { delegate, dns, args } = ownKeys(pluginType, rest, faults);
  const network: CniNetwork = {
    ...header,
    plugin: {
      type: typeof pluginType === "string" ? pluginType : "",
      cniVersion: typeof cniVersion === "string" ? cniVersion : "",
      args,
      delegate,
      // A definition that a user wrote has it where every CNI configuration has it.
      dns: Object.keys(dns).length > 0 ? dns : object(raw, "dns", faults),
    },
    capabilities: object(raw, "capabilities", faults),
    ipam: { ...ipam, type: ipamType },
    routes:
      ours || ipamType === "multi-config" ? parseRoutes(ipam["routes"], "ipam.routes", faults) : [],
    dns: ours && isObject(ipam["dns"]) ? ipam["dns"] : {},
    subnet: string(raw, "subnet", faults),
    masterNets: strings(raw, "masterNets", faults),
    pooled: ours && raw["multiNICIPAM"] === true,
    sourceRouting: raw["sourceRouting"] === true,
    podArgs: parsePodArgs(raw, faults),
    runtimeConfig: parseRuntimeConfig(raw, faults),
    deviceID: string(raw, "deviceID", faults) || string(raw, "pciBusID", faults),
    master: string(raw, "master", faults),
  };
  for (const key of ["multiNICIPAM", "sourceRouting"]) {
    const flag = raw[key];
    if (flag !== undefined && typeof flag !== "boolean")
      faults.push({ path: key, problem: `is ${JSON.stringify(flag)}: true or false` });
  }
  refuse(faults);
  return network;
}

/** Takes out of `plugin` what is meant for us; the rest is the delegate's, untouched. */
function ownKeys(
  type: unknown,
  { delegate, dns, ...rest }: JsonObject,
  faults: Fault[],
): { delegate: boolean; dns: JsonObject; args: JsonObject } {
  const linkType = type === "ipvlan" || type === "macvlan";
  if (linkType && delegate !== undefined && !isFlag(delegate)) {
    const problem = `is ${JSON.stringify(delegate)}: true = the plugin ${type} of CNI_PATH makes the links, false = multi-nic makes them`;
    faults.push({ path: "plugin.delegate", problem });
  }
  return {
    delegate: linkType && (delegate === true || delegate === "true"),
    dns: isObject(dns) ? dns : {},
    args: {
      ...rest,
      ...(linkType || delegate === undefined ? {} : { delegate }),
      ...(dns === undefined || isObject(dns) ? {} : { dns }),
    },
  };
}

function isFlag(value: unknown): boolean {
  return typeof value === "boolean" || value === "true" || value === "false" || value === "";
}

/** Parses a list of CNI routes, `dst` canonical to the kernel; faults name the element. */
export function parseRoutes(value: unknown, path: string, faults: Fault[]): CniRoute[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    faults.push({ path, problem: "is no list" });
    return [];
  }
  const routes: CniRoute[] = [];
  for (const [i, item] of value.entries()) {
    const at = `${path}[${i}]`;
    const { dst, gw } = isObject(item) ? item : {};
    const prefix = typeof dst === "string" ? parsePrefix(dst) : undefined;
    if (!isObject(item) || !prefix) {
      faults.push({ path: `${at}.dst`, problem: `is ${JSON.stringify(dst)}: a CIDR is wanted` });
      continue;
    }
    const via = gw === undefined || gw === "" || gw === null ? undefined : gw;
    if (via !== undefined && (typeof via !== "string" || familyOf(via) !== prefix.family)) {
      faults.push({
        path: `${at}.gw`,
        problem: `is ${JSON.stringify(gw)}: an IPv${prefix.family} address is wanted`,
      });
      continue;
    }
    const numbers: Record<string, number> = {};
    for (const key of ["mtu", "advmss", "priority", "table", "scope"]) {
      const number = item[key];
      if (typeof number === "number" && Number.isInteger(number)) numbers[key] = number;
    }
    routes.push({
      dst: String(dst),
      ...(via === undefined ? {} : { gw: via }),
      ...numbers,
    });
  }
  return routes;
}

function parseRuntimeConfig(raw: JsonObject, faults: Fault[]): RuntimeConfig {
  const given = raw["runtimeConfig"];
  if (given !== undefined && given !== null && !isObject(given))
    faults.push({ path: "runtimeConfig", problem: "is no object" });
  const config = isObject(given) ? given : {};
  const at = "runtimeConfig.";
  const ips = readIps(config["ips"], "runtimeConfig.ips", faults);
  const mac = string(config, "mac", faults, at);
  if (mac !== "") faults.push(...faultsOfMac(mac, "runtimeConfig.mac"));
  const { ips: _ips, mac: _mac, deviceID: _id, infinibandGUID: _guid, ...others } = config;
  return {
    ips,
    mac,
    deviceID: string(config, "deviceID", faults, at),
    infinibandGUID: string(config, "infinibandGUID", faults, at),
    others,
  };
}

/** Returns a fault when a text is no Ethernet address. */
export function faultsOfMac(mac: string, path: string): Fault[] {
  if (/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(mac)) return [];
  return [{ path, problem: `is ${JSON.stringify(mac)}: six bytes like 02:00:00:00:00:01` }];
}

function familyOf(text: string): 4 | 6 | undefined {
  return parseAddress(text)?.family;
}

function object(raw: JsonObject, key: string, faults: Fault[]): JsonObject {
  const value = raw[key];
  if (isObject(value)) return value;
  if (value !== undefined && value !== null) faults.push({ path: key, problem: "is no object" });
  return {};
}

function string(raw: JsonObject, key: string, faults: Fault[], under = ""): string {
  const value = raw[key];
  if (typeof value === "string") return value;
  if (value !== undefined && value !== null)
    faults.push({ path: `${under}${key}`, problem: "is no string" });
  return "";
}

function strings(raw: JsonObject, key: string, faults: Fault[]): string[] {
  const value = raw[key];
  if (value === undefined || value === null) return [];
  if (isStrings(value)) return value;
  faults.push({ path: key, problem: "is no list of strings" });
  return [];
}

function isStrings(value: unknown): value is string[] {
  if (!Array.isArray(value)) return false;
  for (const item of value) if (typeof item !== "string") return false;
  return true;
}
