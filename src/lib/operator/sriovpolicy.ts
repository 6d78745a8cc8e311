import { sriovNamespace } from "../api/devices.ts";
import type { MultiNicNetwork } from "../api/kinds.ts";
import { planSriovPolicy } from "../plan/sriovpolicy.ts";
import type { Deps } from "./deps.ts";
import { applyGenerated, removeGenerated } from "./generated.ts";

const kind = "SriovNetworkNodePolicy";
const place = (network: MultiNicNetwork) => ({
  name: network.metadata.name,
  namespace: sriovNamespace,
});

/**
 * Brings a network's SriovNetworkNodePolicy in line with the NICs of its planes, also when it wants none; returns what a
 * person has to mend.
 */
export async function reconcileSriovPolicy(
  network: MultiNicNetwork,
  planes: readonly string[],
  deps: Deps,
): Promise<string[]> {
  const { stores, devices } = deps;
  const at = place(network);
  const plan = planSriovPolicy(network, devices.sriovPolicies.get(at.name, at.namespace), {
    planes,
    hostInterfaces: stores.hostInterfaces.list(),
    states: devices.sriovStates.list(),
  });
  return [...plan.faults, ...(await applyGenerated(kind, { plan, at }, deps))];
}

/** Removes the policy of a network that is deleted: its virtual functions go, so no pod may have one any more. */
export async function removeSriovPolicy(network: MultiNicNetwork, deps: Deps): Promise<void> {
  await removeGenerated(
    kind,
    { copy: deps.devices.sriovPolicies, network, at: place(network) },
    deps,
  );
}
