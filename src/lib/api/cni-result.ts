/**
 * CNI results. Inside, every result has the shape of 1.1.0; the wire has seven versions of it, and a plugin answers in
 * its caller's (spec, "Success"; the older shapes from the spec's 0.2.0, 0.3.1 and 0.4.0 editions).
 */
import { Failure, type Fault } from "../errors.ts";
import { parseAddressWithLength } from "../ip.ts";
import {
  type CniRoute,
  type CniVersion,
  cniCode,
  isObject,
  type JsonObject,
  parseVersion,
  versionAtLeast,
} from "./cni.ts";
import { parseRoutes } from "./cni-network.ts";

export interface CniInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface CniIp {
  /** Index into `interfaces`. */
  readonly interface?: number;
  /** With prefix length. */
  readonly address: string;
  readonly gateway?: string;
}

export interface CniResult {
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: JsonObject;
}

export const emptyResult: CniResult = { interfaces: [], ips: [], routes: [], dns: {} };

/** Writes a result as a caller of `cniVersion` reads it; what that version cannot say is left out. */
export function formatResult(result: CniResult, cniVersion: CniVersion): JsonObject {
  if (!versionAtLeast(cniVersion, "0.3.0")) return formatOld(result, cniVersion);
  const latest = versionAtLeast(cniVersion, "1.1.0");
  const some = <T>(key: string, list: readonly T[]) => (list.length > 0 ? { [key]: list } : {});
  return {
    cniVersion,
    ...some(
      "interfaces",
      result.interfaces.map(({ name, mac, sandbox, mtu, socketPath, pciID }) => ({
        name,
        ...(mac ? { mac } : {}),
        ...(latest && mtu ? { mtu } : {}),
        ...(sandbox ? { sandbox } : {}),
        ...(latest && socketPath ? { socketPath } : {}),
        ...(latest && pciID ? { pciID } : {}),
      })),
    ),
    ...some(
      "ips",
      result.ips.map((ip) => ({
        ...(versionAtLeast(cniVersion, "1.0.0") ? {} : { version: String(familyOf(ip.address)) }),
        ...(ip.interface === undefined ? {} : { interface: ip.interface }),
        address: ip.address,
        ...(ip.gateway ? { gateway: ip.gateway } : {}),
      })),
    ),
    ...some("routes", latest ? result.routes : result.routes.map(plainRoute)),
    dns: result.dns,
  };
}

/**
 * Reads a result that says its own `cniVersion`, else is of `assumed`. Throws code 6 when it is no result at all,
 * code 1 for a version that nobody here knows.
 */
export function parseResult(raw: unknown, assumed: CniVersion): CniResult {
  if (!isObject(raw)) throw unreadable([{ path: "result", problem: "is no JSON object" }]);
  const cniVersion = parseVersion(raw["cniVersion"] ?? assumed);
  const faults: Fault[] = [];
  const result = versionAtLeast(cniVersion, "0.3.0")
    ? {
        interfaces: parseInterfaces(raw["interfaces"], faults),
        ips: parseIps(raw["ips"], faults),
        routes: parseRoutes(raw["routes"], "routes", faults),
        dns: isObject(raw["dns"]) ? raw["dns"] : {},
      }
    : parseOld(raw, faults);
  if (faults.length > 0) throw unreadable(faults);
  return result;
}

/** Appends a result to the one that the plugins before us made, as the spec asks of a chained plugin. */
export function appendResult(before: CniResult, ours: CniResult): CniResult {
  const shift = before.interfaces.length;
  return {
    interfaces: [...before.interfaces, ...ours.interfaces],
    ips: [
      ...before.ips,
      ...ours.ips.map((ip) =>
        ip.interface === undefined ? ip : { ...ip, interface: ip.interface + shift },
      ),
    ],
    routes: [...before.routes, ...ours.routes],
    dns: Object.keys(ours.dns).length > 0 ? ours.dns : before.dns,
  };
}

/** Returns the family of an address, with or without prefix length. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

function plainRoute({ dst, gw }: CniRoute): CniRoute {
  return gw === undefined ? { dst } : { dst, gw };
}

/** 0.1.0 and 0.2.0: one address per family, no interfaces. */
function formatOld(result: CniResult, cniVersion: CniVersion): JsonObject {
  const part = (family: 4 | 6) => {
    const ip = result.ips.find((each) => familyOf(each.address) === family);
    if (!ip) return {};
    const routes = result.routes.filter(({ dst }) => familyOf(dst) === family).map(plainRoute);
    return {
      [`ip${family}`]: {
        ip: ip.address,
        ...(ip.gateway ? { gateway: ip.gateway } : {}),
        ...(routes.length > 0 ? { routes } : {}),
      },
    };
  };
  return { cniVersion, ...part(4), ...part(6), dns: result.dns };
}

function parseOld(raw: JsonObject, faults: Fault[]): CniResult {
  const ips: CniIp[] = [];
  const routes: CniRoute[] = [];
  for (const key of ["ip4", "ip6"]) {
    const part = raw[key];
    if (part === undefined || part === null) continue;
    if (!isObject(part)) {
      faults.push({ path: key, problem: "is no object" });
      continue;
    }
    ips.push(...parseIps([{ ...part, address: part["ip"] }], faults, key));
    routes.push(...parseRoutes(part["routes"], `${key}.routes`, faults));
  }
  return { interfaces: [], ips, routes, dns: isObject(raw["dns"]) ? raw["dns"] : {} };
}

function parseInterfaces(value: unknown, faults: Fault[]): CniInterface[] {
  return elements(value, "interfaces", faults).flatMap((item, i) => {
    const { name, mac, mtu, sandbox, socketPath, pciID } = item;
    if (typeof name !== "string" || name === "") {
      faults.push({ path: `interfaces[${i}].name`, problem: "is missing" });
      return [];
    }
    return [
      {
        name,
        ...(typeof mac === "string" && mac !== "" ? { mac } : {}),
        ...(typeof mtu === "number" ? { mtu } : {}),
        ...(typeof sandbox === "string" && sandbox !== "" ? { sandbox } : {}),
        ...(typeof socketPath === "string" && socketPath !== "" ? { socketPath } : {}),
        ...(typeof pciID === "string" && pciID !== "" ? { pciID } : {}),
      },
    ];
  });
}

function parseIps(value: unknown, faults: Fault[], path = "ips"): CniIp[] {
  return elements(value, path, faults).flatMap((item, i) => {
    const { address, gateway, interface: index } = item;
    if (typeof address !== "string" || !parseAddressWithLength(address)) {
      faults.push({
        path: `${path}[${i}].address`,
        problem: `is ${JSON.stringify(address)}: an address with prefix length is wanted`,
      });
      return [];
    }
    return [
      {
        ...(typeof index === "number" ? { interface: index } : {}),
        address,
        ...(typeof gateway === "string" && gateway !== "" ? { gateway } : {}),
      },
    ];
  });
}

function elements(value: unknown, path: string, faults: Fault[]): JsonObject[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every(isObject)) return value;
  faults.push({ path, problem: "is no list of objects" });
  return [];
}

function unreadable(faults: readonly Fault[]): Failure {
  return new Failure("Cannot decode a CNI result", {
    code: cniCode.decode,
    cause: new Failure(faults.map((fault) => `${fault.path} ${fault.problem}`).join("; ")),
  });
}
