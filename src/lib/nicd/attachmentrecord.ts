import type { AttachmentKey, PodRef } from "../node/contract.ts";

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
