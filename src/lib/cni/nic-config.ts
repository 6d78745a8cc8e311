import type { CniNetwork, JsonObject } from "../api/cni.ts";
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

/** What a NIC's plugin is told beside the definition. */
export interface NicConfigOptions {
  readonly ipam: JsonObject;
  readonly plan: LinkPlan | undefined;
  /** Ethernet address and InfiniBand GUID that the pod asked for; one of each cannot serve two NICs, so the first has it. */
  readonly mac?: string;
  readonly guid?: string;
  /** Static addresses of this NIC, for an IPAM plugin that takes them from runtimeConfig. */
  readonly ips?: readonly string[];
  /** The master's own addresses; aws-ipvlan finds the network card by the first IPv4 one. */
  readonly hostAddresses?: readonly string[];
}

/**
 * Builds the configuration that a single-NIC plugin gets for one NIC, key by key as v1.3.x wrote it; dns, capabilities and
 * runtimeConfig only where the definition or the pod says something.
 */
export function nicConfig(
  network: CniNetwork,
  nic: ChosenNic,
  options: NicConfigOptions,
): JsonObject {
  const { type, cniVersion, args, dns } = network.plugin;
  const { ipam, plan, mac = "" } = options;
  const capabilities =
    Object.keys(network.capabilities).length > 0 ? { capabilities: network.capabilities } : {};
  const common = {
    cniVersion: cniVersion || network.cniVersion,
    name: storeName(network, nic, ipam),
    type,
    ...capabilities,
    ipam,
    dns,
  };
  const runtime = runtimeOfNic(network, options);
  const withRuntime = Object.keys(runtime).length > 0 ? { runtimeConfig: runtime } : {};
  if (plan) {
    const asked = mac === "" || type === "ipvlan" ? {} : { mac };
    const { mode, mtu } = plan;
    return { ...common, ...args, master: nic.master, mode, mtu, ...asked, ...withRuntime };
  }
  const device = { ...runtime, deviceID: nic.pciAddress };
  if (type === "sriov") {
    const known = {
      DPDKMode: false,
      Master: "",
      vlan: 0,
      VFID: 0,
      HostIFNames: "",
      ContIFNames: "",
    };
    const asked = Object.keys(runtime).length > 0 ? { runtimeConfig: device } : {};
    const switches = { ...onOff(args, "spoofchk"), ...onOff(args, "trust") };
    return { ...common, ...known, ...args, ...switches, deviceID: nic.pciAddress, ...asked };
  }
  if (type === "host-device") {
    const known = { device: "", hwaddr: "", DPDKMode: false, kernelpath: "", pciBusID: "" };
    const byName = nic.pciAddress === "" ? { device: nic.master } : {};
    return { ...common, ...known, ...args, ...byName, runtimeConfig: device };
  }
  if (type === "aws-ipvlan") {
    const own = { primaryIP: ipv4Of(options.hostAddresses ?? []), podIP: ipv4Of(nic.addresses) };
    return { ...common, mode: "l2", mtu: 0, ...args, ...own, master: nic.master, ...withRuntime };
  }
  return { ...common, ...args, master: nic.master, ...withRuntime };
}

/**
 * Names what plugins keep state under. host-local keeps one store per name and looks for addresses in use only there, so
 * all NICs of a network must share one; everybody else gets a name per NIC, as with v1.3.x.
 */
function storeName(network: CniNetwork, nic: ChosenNic, ipam: JsonObject): string {
  return ipam["type"] === "host-local" ? network.name : nic.name;
}

/** sriov-cni wants these as texts; v1.3.x wrote them into definitions as booleans. */
function onOff(args: JsonObject, key: "spoofchk" | "trust"): JsonObject {
  const value = args[key];
  return typeof value === "boolean" ? { [key]: value ? "on" : "off" } : {};
}

/** One NIC's share of runtimeConfig: its own addresses, and what is not about one NIC as it came. */
function runtimeOfNic(network: CniNetwork, options: NicConfigOptions): JsonObject {
  const { mac = "", guid = "", ips = [] } = options;
  return {
    ...network.runtimeConfig.others,
    ...(ips.length === 0 ? {} : { ips }),
    ...(mac === "" ? {} : { mac }),
    ...(guid === "" ? {} : { infinibandGUID: guid }),
  };
}

/** The first IPv4 address, without prefix length; "" when there is none. */
function ipv4Of(addresses: readonly string[]): string {
  return addresses.find((text) => !text.includes(":"))?.replace(/\/.*/, "") ?? "";
}
