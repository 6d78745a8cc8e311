import { Failure } from "../errors.ts";
import { sysfsPci } from "./choice-closeness.ts";
import { type HeldNic, heldFailure } from "./choice-heldnics.ts";

/** A device that the kubelet gave to a pod. */
export interface PodDevice {
  /** Resource name: `nvidia.com/gpu`. */
  readonly resource: string;
  /** As the device plugin calls it: a PCI address, a GPU's UUID, … */
  readonly id: string;
  /** NUMA node that the device plugin named. */
  readonly numaNode?: number | undefined;
}

/**
 * Chooses the devices of an attachment from those the pod has: what the runtime gave first, then the network's resources in
 * their order, by PCI address, at most `nics` in all where the pod says a number; never one that another attachment has. Throws
 * code 101 when the pod has none of these resources, 103 when its other networks have them all.
 */
export function devicesOfNetwork(of: {
  readonly network: string;
  readonly given: readonly string[];
  readonly resources: readonly string[];
  readonly allocated: readonly PodDevice[];
  readonly held: readonly HeldNic[];
  readonly nics: number;
}): string[] {
  const { given, resources, held } = of;
  const own = resources.flatMap((resource) =>
    of.allocated
      .filter((device) => device.resource === resource)
      .map((device) => sysfsPci(device.id))
      .sort((a, b) => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)),
  );
  const first = given.map(sysfsPci);
  const all = [...new Set([...first, ...own])];
  if (all.length === 0) {
    throw new Failure(
      `No device for network ${of.network}: its NICs are devices of ${resources.join(", ")}, and the kubelet gave the pod none; ask for them in resources.limits of a container`,
      { code: "101" },
    );
  }
  const holder = (id: string) => held.find((nic) => nic.pciAddress === id);
  const open = all.filter((id) => first.includes(id) || !holder(id));
  const [any = ""] = all;
  if (open.length === 0) {
    const pod = holder(any)?.pod ?? "";
    const why = `is in pod ${pod} already; a pod that names a network twice says nics: 1 in each`;
    throw heldFailure(of.network, `device ${any}`, why);
  }
  return of.nics > 0 ? open.slice(0, Math.max(of.nics, first.length)) : open;
}
