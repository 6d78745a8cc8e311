import type { AttachmentKey, AttachReply, PodRef } from "../node/contract.ts";

/** One attachment as it is stored. */
export interface AttachmentRecord extends AttachmentKey {
  pod: PodRef;
  netns: string;
  netnsDev: string;
  netnsIno: string;
  bootId: string;
  pluginType: string;
  mode: string;
  reason: string;
  attachedAt: number;
  interfaces: InterfaceRecord[];
}

export interface InterfaceRecord {
  name: string;
  master: string;
  netAddress: string;
  pciAddress: string;
  /** Share of the pod's target that this NIC was promised to carry (kbit/s); absent without a target. */
  promisedKbps?: number;
  addresses: AddressRecord[];
}

export interface AddressRecord {
  podCIDR: string;
  index: number;
  /** Without prefix length. */
  address: string;
  /** The vlanCIDR's. */
  prefixLength: number;
}

/** Writes the answer of an attach from its record. */
export function replyOf(record: AttachmentRecord): AttachReply {
  return {
    reason: record.reason,
    interfaces: record.interfaces.map((nic) => ({
      name: nic.name,
      master: nic.master,
      netAddress: nic.netAddress,
      pciAddress: nic.pciAddress,
      addresses: nic.addresses.map((a) => `${a.address}/${a.prefixLength}`),
    })),
  };
}

/** Lists one NIC's addresses without prefix length. */
export function addressesOf(nic: InterfaceRecord): string[] {
  return nic.addresses.map((a) => a.address);
}

/** Cuts a key out of what holds one. */
export function keyOf(key: AttachmentKey): AttachmentKey {
  return { network: key.network, containerID: key.containerID, ifname: key.ifname };
}

/** Says a key as errors name it. */
export function describeKey(key: AttachmentKey): string {
  return `${key.ifname} of container ${key.containerID} to network ${key.network}`;
}
