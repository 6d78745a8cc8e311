import { type SriovNetworkNodePolicy, sriovApiVersion, sriovNamespace } from "../api/devices.ts";
import type { MultiNicNetwork } from "../api/kinds.ts";
import { generatedLabel } from "../api/meta.ts";
import { type GeneratedPlan, planGenerated } from "./generated.ts";
import { type DevicesSeen, rootDevices } from "./nic-rootdevices.ts";
import { argValues } from "./pluginkeys.ts";
import { sriovResource } from "./sriovnetwork.ts";

/** Fields of the policy's spec that are ours. */
const owned = [
  "resourceName",
  "nodeSelector",
  "numVfs",
  "priority",
  "mtu",
  "isRdma",
  "needVhostNet",
  "nicSelector",
] as const;

/** Tells whether a network makes its own virtual functions: it does unless it names a resource that is there already. */
export function wantsPolicy({ spec }: MultiNicNetwork): boolean {
  return spec.plugin.type === "sriov" && !spec.plugin.args?.["resourceName"];
}

/**
 * Plans the SriovNetworkNodePolicy of a network, named as it. Without a single NIC to make functions on, nothing is written
 * and what is there stays: `faults` says so.
 */
export function planSriovPolicy(
  network: MultiNicNetwork,
  now: SriovNetworkNodePolicy | undefined,
  seen: Omit<DevicesSeen, "stored">,
): GeneratedPlan<SriovNetworkNodePolicy> & { readonly faults: readonly string[] } {
  if (!wantsPolicy(network)) return { ...planGenerated(undefined, now, owned), faults: [] };
  const stored = now?.spec?.nicSelector?.rootDevices ?? [];
  const devices = rootDevices({ ...seen, stored });
  if (devices.length === 0) {
    const planes = seen.planes.join(", ") || "none";
    const fault = `no SriovNetworkNodeState lists a NIC that has an address on the network's planes (${planes}): give such NICs addresses there, or name a resource in spec.plugin.args.resourceName`;
    return { steps: [], isForeign: false, faults: [fault] };
  }
  const wanted = policy(network, devices);
  // What a user added to the selector narrows it on.
  wanted.spec.nicSelector = { ...now?.spec?.nicSelector, ...wanted.spec.nicSelector };
  return { ...planGenerated(wanted, now, owned), faults: [] };
}

function policy(network: MultiNicNetwork, devices: readonly string[]): SriovNetworkNodePolicy {
  const { values } = argValues(network.spec.plugin);
  const number = (arg: string) => {
    const value = values[arg];
    return typeof value === "number" ? value : undefined;
  };
  const [priority, mtu] = [number("priority"), number("mtu")];
  return {
    apiVersion: sriovApiVersion,
    kind: "SriovNetworkNodePolicy",
    metadata: {
      name: network.metadata.name,
      namespace: sriovNamespace,
      labels: { [generatedLabel]: "true" },
    },
    spec: {
      resourceName: sriovResource(network),
      nodeSelector: { "feature.node.kubernetes.io/network-sriov.capable": "true" },
      ...(priority !== undefined && { priority }),
      ...(mtu !== undefined && { mtu }),
      numVfs: number("numVfs") ?? 1,
      ...(values["isRdma"] === true && { isRdma: true }),
      ...(values["needVhostNet"] === true && { needVhostNet: true }),
      nicSelector: { rootDevices: devices },
    },
  };
}
