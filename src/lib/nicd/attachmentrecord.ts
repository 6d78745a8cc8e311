import type {
  AttachmentKey,
  AttachReply,
  RecordedAddress,
  RecordedAttachment,
  RecordedInterface,
} from "../node/contract.ts";

/** One attachment as it is stored; what nicd hands out of it is the same. */
export type AttachmentRecord = RecordedAttachment;
export type InterfaceRecord = RecordedInterface;
export type AddressRecord = RecordedAddress;

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
