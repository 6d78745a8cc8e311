import type { MultiNicNetwork } from "../api/kinds.ts";
import { type DeviceReport, type Presence, sriovReport } from "../plan/devicereport.ts";
import { sriovFaults } from "../plan/sriovnetwork.ts";
import { wantsPolicy } from "../plan/sriovpolicy.ts";
import type { Deps } from "./deps.ts";
import { mellanoxDevices } from "./nicclusterpolicy.ts";
import { reconcileSriovNetwork } from "./sriovnetwork.ts";
import { reconcileSriovPolicy } from "./sriovpolicy.ts";

/** Asks other operators for a network's devices; undefined for types whose NICs are chosen among those a host has. */
export async function reconcileDevices(
  network: MultiNicNetwork,
  planes: readonly string[],
  deps: Deps,
): Promise<DeviceReport | undefined> {
  const faults = sriovFaults(network, deps.stores.networks.list());
  const mends: string[] = [];
  const seen = sriovPresence(deps);
  // For every type: a network that was of type sriov takes back what it asked for.
  if (seen.installed === true && faults.length === 0) {
    mends.push(...(await reconcileSriovNetwork(network, deps)));
    faults.push(...(await reconcileSriovPolicy(network, planes, deps)));
  }
  switch (network.spec.plugin.type) {
    case "sriov": {
      const states = deps.devices.sriovStates.list();
      return sriovReport({ faults, mends, states, ownsDevices: wantsPolicy(network) }, seen);
    }
    case "mellanox":
      return mellanoxDevices(deps);
    default:
      return undefined;
  }
}

/** The three kinds come with one operator: all must be there and readable before anything is decided. */
function sriovPresence({ devices }: Deps): Presence {
  const all = [devices.sriovNetworks, devices.sriovPolicies, devices.sriovStates];
  const trouble = all.find((store) => store.trouble !== undefined)?.trouble;
  if (all.some((store) => store.installed === undefined)) return { installed: undefined, trouble };
  return { installed: all.every((store) => store.installed), trouble };
}
