import { sriovNamespace } from "../api/devices.ts";
import type { MultiNicNetwork } from "../api/kinds.ts";
import { planSriovNetwork, sriovNetworkName } from "../plan/sriovnetwork.ts";
import type { Deps } from "./deps.ts";
import { applyGenerated, removeGenerated } from "./generated.ts";

const kind = "SriovNetwork";
const place = (network: MultiNicNetwork) => ({
  name: sriovNetworkName(network.metadata.name),
  namespace: sriovNamespace,
});

/** Brings a network's SriovNetwork in line, also when it wants none; returns what a person has to mend. */
export async function reconcileSriovNetwork(
  network: MultiNicNetwork,
  deps: Deps,
): Promise<string[]> {
  const at = place(network);
  const now = deps.devices.sriovNetworks.get(at.name, at.namespace);
  return applyGenerated(kind, { plan: planSriovNetwork(network, now), at }, deps);
}

/** Removes the SriovNetwork of a network that is deleted. */
export async function removeSriovNetwork(network: MultiNicNetwork, deps: Deps): Promise<void> {
  await removeGenerated(
    kind,
    { copy: deps.devices.sriovNetworks, network, at: place(network) },
    deps,
  );
}
