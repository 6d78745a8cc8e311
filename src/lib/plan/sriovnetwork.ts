import { type SriovNetwork, sriovApiVersion, sriovNamespace } from "../api/devices.ts";
import type { MultiNicNetwork } from "../api/kinds.ts";
import { generatedLabel } from "../api/meta.ts";
import { resourcesOf } from "./definition.ts";
import { type GeneratedPlan, planGenerated } from "./generated.ts";
import { argValues } from "./pluginkeys.ts";

/** Fields of the SriovNetwork's spec that are ours. */
const owned = [
  "resourceName",
  "vlan",
  "vlanQoS",
  "minTxRate",
  "maxTxRate",
  "spoofChk",
  "trust",
] as const;

/** Largest values that the SR-IOV operator takes, by arg. */
const largest: Readonly<Record<string, number>> = { priority: 99, vlan: 4096, vlanQoS: 7 };

/** Names the SriovNetwork of a network. */
export function sriovNetworkName(network: string): string {
  return `${network}-net`;
}

/** Returns the resource of a network of type sriov, without its prefix: the SR-IOV operator puts its own before it. */
export function sriovResource(network: MultiNicNetwork): string {
  const [name = ""] = resourcesOf(network);
  return name.slice(name.indexOf("/") + 1);
}

/** Plans the SriovNetwork of a network of type sriov; any other type has none. */
export function planSriovNetwork(
  network: MultiNicNetwork,
  now: SriovNetwork | undefined,
): GeneratedPlan<SriovNetwork> {
  const isSriov = network.spec.plugin.type === "sriov";
  return planGenerated(isSriov ? sriovNetwork(network) : undefined, now, owned);
}

/** Returns what the SR-IOV operator would refuse of a network's args, and a resource that another network has too. */
export function sriovFaults(
  network: MultiNicNetwork,
  others: readonly MultiNicNetwork[],
): string[] {
  if (network.spec.plugin.type !== "sriov") return [];
  const { values } = argValues(network.spec.plugin);
  const faults: string[] = [];
  for (const [arg, most] of Object.entries(largest)) {
    const value = values[arg];
    if (typeof value === "number" && value > most) {
      faults.push(`spec.plugin.args.${arg}: is "${value}": at most ${most}`);
    }
  }
  const [least, most] = [values["minTxRate"], values["maxTxRate"]];
  if (typeof least === "number" && typeof most === "number" && least > most) {
    faults.push(`spec.plugin.args.minTxRate: is "${least}", more than maxTxRate "${most}"`);
  }
  return [...faults, ...sharedResources(network, others)];
}

/** `a.b`, `a-b` and `ab` all become resource `ab`: one would hand out the other's functions. */
function sharedResources(network: MultiNicNetwork, others: readonly MultiNicNetwork[]): string[] {
  if (network.spec.plugin.args?.["resourceName"]) return [];
  const own = sriovResource(network);
  const same = others.filter(
    (other) =>
      other.metadata.name !== network.metadata.name &&
      other.spec.plugin.type === "sriov" &&
      !other.spec.plugin.args?.["resourceName"] &&
      sriovResource(other) === own,
  );
  return same.map(
    (other) =>
      `its resource ${own} is network ${other.metadata.name}'s too: rename one, or name a resource in spec.plugin.args.resourceName`,
  );
}

function sriovNetwork(network: MultiNicNetwork): SriovNetwork {
  const { values } = argValues(network.spec.plugin);
  const taken = (key: string, arg: string) =>
    values[arg] === undefined ? {} : { [key]: values[arg] };
  return {
    apiVersion: sriovApiVersion,
    kind: "SriovNetwork",
    metadata: {
      name: sriovNetworkName(network.metadata.name),
      namespace: sriovNamespace,
      labels: { [generatedLabel]: "true" },
    },
    spec: {
      resourceName: sriovResource(network),
      ...taken("vlan", "vlan"),
      ...taken("vlanQoS", "vlanQoS"),
      ...taken("minTxRate", "minTxRate"),
      ...taken("maxTxRate", "maxTxRate"),
      ...taken("spoofChk", "spoofchk"),
      ...taken("trust", "trust"),
    },
  };
}
