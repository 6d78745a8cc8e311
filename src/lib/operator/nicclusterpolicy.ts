import { type DeviceReport, mellanoxReport } from "../plan/devicereport.ts";
import { policyResources } from "../plan/nicclusterpolicy.ts";
import type { Deps } from "./deps.ts";

/** Reads which resources pods of a network of type mellanox ask for; NicClusterPolicy is only ever read. */
export function mellanoxDevices({ devices }: Deps): DeviceReport {
  const { installed, trouble } = devices.nicPolicies;
  return mellanoxReport(policyResources(devices.nicPolicies.list()), { installed, trouble });
}
