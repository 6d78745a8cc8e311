import { Failure } from "../errors.ts";
import type { MasterUse } from "./choice-masteruse.ts";

/** A NIC or function that was moved into a pod. */
export interface HeldNic {
  /** Its own PCI address: of the virtual function where the pod has one; "" for those without. */
  readonly pciAddress: string;
  readonly master: string;
  readonly network: string;
  /** `namespace/name` of the pod. */
  readonly pod: string;
}

/** Plugin types that move a NIC itself into the pod. */
const whole: ReadonlySet<string> = new Set(["host-device", "mellanox"]);
/** Plugin types that move a virtual function of one. */
const functions: ReadonlySet<string> = new Set(["sriov", "ib-sriov"]);

/** Plugin types whose devices are in the pod, where no other pod can have them. */
export const movingTypes: ReadonlySet<string> = new Set([...whole, ...functions]);

/**
 * Says why a NIC cannot be had: a pod has it, or the plugin would move it away from under links of other pods. undefined = it
 * can.
 */
export function whyHeld(
  nic: { readonly master: string; readonly pciAddress: string },
  by: {
    readonly pluginType: string;
    readonly held: readonly HeldNic[];
    readonly uses: readonly MasterUse[];
  },
): string | undefined {
  const holder = by.held.find((held) =>
    nic.pciAddress !== "" ? held.pciAddress === nic.pciAddress : held.master === nic.master,
  );
  if (holder) return `is in pod ${holder.pod} (network ${holder.network})`;
  if (!whole.has(by.pluginType)) return undefined;
  const link = by.uses.find((use) => use.master === nic.master && !movingTypes.has(use.pluginType));
  return link && `carries links of network ${link.network}`;
}

/** Makes the error of a request for a NIC that cannot be had. */
export function heldFailure(network: string, name: string, why: string): Failure {
  return new Failure(`Cannot attach network ${network} to ${name}: it ${why}; take another one`, {
    code: "103",
  });
}
