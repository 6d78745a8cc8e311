import { sriovNamespace } from "../api/devices.ts";
import type { Kinds, Kube } from "../kube/kube.ts";
import { createOptionalInformer, type OptionalStore } from "../kube/optional.ts";
import type { Log } from "../log.ts";

/** Local copies of other operators' objects, which are there only where those operators are installed. */
export interface DeviceStores {
  readonly sriovNetworks: OptionalStore<Kinds["SriovNetwork"]>;
  readonly sriovPolicies: OptionalStore<Kinds["SriovNetworkNodePolicy"]>;
  readonly sriovStates: OptionalStore<Kinds["SriovNetworkNodeState"]>;
  readonly nicPolicies: OptionalStore<Kinds["NicClusterPolicy"]>;
}

/** Starts every copy; they fill in the background until `signal` fires. */
export function createDeviceStores(
  kube: Kube,
  options: { readonly log: Log },
  signal: AbortSignal,
): DeviceStores {
  const following = { log: options.log, signal };
  const sriov = { ...following, selection: { namespace: sriovNamespace } };
  return {
    sriovNetworks: createOptionalInformer(kube, "SriovNetwork", sriov),
    sriovPolicies: createOptionalInformer(kube, "SriovNetworkNodePolicy", sriov),
    sriovStates: createOptionalInformer(kube, "SriovNetworkNodeState", sriov),
    nicPolicies: createOptionalInformer(kube, "NicClusterPolicy", following),
  };
}

/** Waits until each has been looked for once. */
export async function devicesAnswered(stores: DeviceStores): Promise<void> {
  await Promise.all(Object.values(stores).map((store: OptionalStore<unknown>) => store.answered()));
}
