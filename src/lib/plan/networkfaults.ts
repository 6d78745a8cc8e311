import { faultsOf } from "../api/check.ts";
import { type Ipam, parseIpam } from "../api/ipam.ts";
import type { MultiNicNetwork } from "../api/kinds.ts";
import { multiNicNetworkSpec } from "../api/multinicnetwork.ts";
import { type Fault, InvalidInput } from "../errors.ts";
import { pluginKeys } from "./pluginkeys.ts";

/** Types whose pods take part in routing by their own mode; macvlan is on-link whatever vlanMode says. */
const routedTypes = ["ipvlan", "aws-ipvlan"];

/** Fields without which there is nothing to define; others (a strategy of earlier days) act as their default. */
const judged = multiNicNetworkSpec.pick({ subnet: true, masterNets: true, plugin: true });

/** Returns what keeps a network from being defined, with field paths; none means that its definitions can be written. */
export function networkFaults(network: MultiNicNetwork): Fault[] {
  const spec = network.spec;
  const { subnet, masterNets, plugin } = spec;
  const faults = faultsOf(judged, { subnet, masterNets, plugin }, { at: ["spec"] });
  const stated = new Set(faults.map((fault) => fault.path));
  faults.push(...pluginKeys(plugin).faults.filter((fault) => !stated.has(fault.path)));
  try {
    faults.push(...ipamFaults(network, parseIpam(spec.ipam)));
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    faults.push(...error.faults);
  }
  return faults;
}

/** Returns the faults between `ipam` and the rest of the network. */
function ipamFaults(network: MultiNicNetwork, ipam: Ipam): Fault[] {
  const { multiNICIPAM = false, plugin, subnet = "" } = network.spec;
  const faults: Fault[] = [];
  const say = (path: string, problem: string) => faults.push({ path, problem });
  if (multiNICIPAM !== (ipam.by === "pools")) {
    say(
      "spec.multiNICIPAM",
      multiNICIPAM
        ? `is true, but spec.ipam.type is ${ipam.config.type}: use multi-nic-ipam, or set multiNICIPAM to false`
        : "is false, but spec.ipam.type is multi-nic-ipam, which takes addresses from nicd: set multiNICIPAM to true",
    );
  }
  if (ipam.by === "host" && !["mellanox", "host-device"].includes(plugin.type)) {
    say(
      "spec.ipam.type",
      `is host-device-ipam, which moves the NIC's own address into the pod: plugin type ${plugin.type} leaves the NIC on the host; use mellanox or host-device`,
    );
  }
  if (ipam.by !== "pools") return faults;
  const vlanMode = ipam.config.vlanMode || "l2";
  if (vlanMode !== "l2" && subnet === "") {
    say(
      "spec.ipam.vlanMode",
      `is ${vlanMode}, which routes the pods' subnet, but spec.subnet is empty: give a subnet, or use vlanMode l2`,
    );
  }
  const mode = plugin.args?.["mode"] || "l2";
  if (routedTypes.includes(plugin.type) && (mode === "l2") !== (vlanMode === "l2")) {
    say(
      "spec.plugin.args.mode",
      `is ${mode}, but spec.ipam.vlanMode is ${vlanMode}: use l2 for both, or l3 (or l3s) for both`,
    );
  }
  return faults;
}
