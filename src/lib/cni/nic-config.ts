import { type CniNetwork, isObject, type JsonObject, refuse } from "../api/cni.ts";
import { parseRoutes } from "../api/cni-network.ts";
import { type CniResult, familyOf } from "../api/cni-result.ts";
import type { Fault } from "../errors.ts";
import { parseAddress, parseAddressWithLength } from "../ip.ts";
import type { LinkPlan } from "./attach-plan.ts";

/** One NIC of an attachment, as nicd chose it. */
export interface ChosenNic {
  /** `<ifname>-<i>`. */
  readonly name: string;
  readonly master: string;
  readonly pciAddress: string;
  /** From our pools; [] when another IPAM gives them. */
  readonly addresses: readonly string[];
}

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
    const [first] = (options.hostAddresses ?? []).filter((each) => familyOf(each) === 4);
    return staticIpam(first === undefined ? [] : [first]);
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

/** Builds the configuration that a single-NIC plugin gets for one NIC, as v1.3.x wrote it. */
export function nicConfig(
  network: CniNetwork,
  nic: ChosenNic,
  options: { ipam: JsonObject; plan: LinkPlan | undefined; mac: string },
): JsonObject {
  const { type, cniVersion, args } = network.plugin;
  const common = {
    cniVersion: cniVersion || network.cniVersion,
    name: nic.name,
    type,
    ipam: options.ipam,
    dns: {},
  };
  if (options.plan) {
    const { mode, mtu } = options.plan;
    const mac = options.mac === "" || type === "ipvlan" ? {} : { mac: options.mac };
    return { ...common, ...args, master: nic.master, mode, mtu, ...mac };
  }
  const guid = network.runtimeConfig.infinibandGUID;
  const device = {
    deviceID: nic.pciAddress,
    ...(options.mac === "" ? {} : { mac: options.mac }),
    ...(guid === "" ? {} : { infinibandGUID: guid }),
  };
  if (type === "sriov") {
    const known = {
      DPDKMode: false,
      Master: "",
      vlan: 0,
      VFID: 0,
      HostIFNames: "",
      ContIFNames: "",
    };
    const runtime = options.mac === "" && guid === "" ? {} : { runtimeConfig: device };
    return { ...common, ...known, ...args, deviceID: nic.pciAddress, ...runtime };
  }
  if (type === "host-device") {
    const known = { device: "", hwaddr: "", DPDKMode: false, kernelpath: "", pciBusID: "" };
    const byName = nic.pciAddress === "" ? { device: nic.master } : {};
    return { ...common, ...known, ...args, ...byName, runtimeConfig: device };
  }
  const mtu = args["mtu"] === undefined && type === "aws-ipvlan" ? { mtu: 0 } : {};
  return { ...common, ...args, ...mtu, master: nic.master };
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
  if (typeof type !== "string" || type === "" || type.includes("/"))
    faults.push({ path: "ipam.ipam_type", problem: `is ${JSON.stringify(type)}: a plugin's name` });
  if (!isObject(own)) {
    const masters = Object.keys(args).join(", ") || "none";
    faults.push({ path: `ipam.args.${master}`, problem: `is missing; there are: ${masters}` });
  }
  refuse(faults);
  const network = type === "whereabouts" ? { network_name: master } : {};
  return { ...network, ...(isObject(own) ? own : {}), type };
}
