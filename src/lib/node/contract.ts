/**
 * The contract between nicd and the CNI program: JSON over HTTP on a root-only unix socket.
 * Every verb is POST `/v1/<verb>` with a JSON body; a failure answers 4xx or 5xx with a `NodeFault` body.
 */

import type { Explained } from "../api/explained.ts";
import type { Cidr, HostInterface, IPPool, MultiNicNetwork } from "../api/kinds.ts";
import type { Unreadable } from "../api/meta.ts";

/** Identity of an attachment: never the pod's name, which a StatefulSet pod shares with its predecessor. */
export interface AttachmentKey {
  network: string;
  containerID: string;
  ifname: string;
}

export interface PodRef {
  namespace: string;
  name: string;
  uid: string;
}

/** What the pod asked for in its annotation (`cni-args`), already normalised by the CNI program. */
export interface NicRequest {
  nics?: number;
  masters?: string[];
  target?: string;
  class?: string;
}

/** The parts of the attachment definition that the choice depends on. */
export interface NetworkRef {
  subnet: string;
  masterNets: string[];
  /** Addresses come from our pools (`multiNICIPAM` and `ipam.type: multi-nic-ipam`). */
  pooled: boolean;
  /** plugin.type of the definition. */
  pluginType: string;
  /** Mode of the links that will be made (`l2`, `l3`, `l3s`, `bridge`, …); "" where the type has none. */
  mode: string;
}

export interface AttachRequest extends AttachmentKey {
  pod: PodRef;
  netns: string;
  /** Device and inode of the namespace file, as decimal text; "" when it could not be read. */
  netnsDev: string;
  netnsIno: string;
  ref: NetworkRef;
  request: NicRequest;
  /** Static addresses in NIC order, with or without prefix length. */
  ips: string[];
  /** Devices the kubelet gave to the pod; they replace the selection. */
  deviceIDs: string[];
}

export interface AttachedInterface {
  /** Name in the pod: `<ifname>-<i>`. */
  name: string;
  /** Host NIC that the link hangs off. */
  master: string;
  netAddress: string;
  /** "" for NICs without a PCI address (bonds, VLANs). */
  pciAddress: string;
  /** Addresses with the vlanCIDR's prefix length, v4 then v6; [] when another IPAM gives them. */
  addresses: string[];
}

export interface AttachReply {
  interfaces: AttachedInterface[];
  /** Why these NICs, for the log. */
  reason: string;
  /** True when this key was attached before: the answer belongs to that ADD, and undoing this one must not take it. */
  repeated?: boolean;
}

/** Freed addresses without prefix length, for the log. */
export interface DetachReply {
  released: string[];
}

export type CheckReply = AttachReply & { netns: string };

export interface GcRequest {
  network: string;
  /** What the runtime says is alive; everything else of this network is released. */
  valid: { containerID: string; ifname: string }[];
}

export interface GcReply {
  released: AttachmentKey[];
}

export interface StatusRequest {
  network: string;
  ref: NetworkRef;
}

export interface StatusReply {
  ready: boolean;
  /** True when pods that run may be cut off too (CNI code 51), else 50. */
  limited: boolean;
  reasons: string[];
}

/** One attachment as nicd keeps it. */
export interface RecordedAttachment extends AttachmentKey {
  pod: PodRef;
  netns: string;
  netnsDev: string;
  netnsIno: string;
  bootId: string;
  pluginType: string;
  mode: string;
  reason: string;
  /** Milliseconds since 1970. */
  attachedAt: number;
  interfaces: RecordedInterface[];
}

export interface RecordedInterface {
  name: string;
  master: string;
  netAddress: string;
  pciAddress: string;
  /** Share of the pod's target that this NIC was promised to carry (kbit/s); absent without a target. */
  promisedKbps?: number;
  addresses: RecordedAddress[];
}

export interface RecordedAddress {
  podCIDR: string;
  index: number;
  /** Without prefix length. */
  address: string;
  /** The vlanCIDR's. */
  prefixLength: number;
}

/** How far one copy is. */
export interface CopyState {
  /** It has had its first whole list. */
  synced: boolean;
  /** resourceVersion by name. */
  versions: Record<string, string>;
}

export interface RecordRequest {
  /** Also send the objects that nicd has copies of. */
  objects?: boolean;
}

/** Objects that nicd has copies of: pools and HostInterface are its own node's. */
export interface CopiedObjects {
  CIDR: readonly Cidr[];
  MultiNicNetwork: readonly MultiNicNetwork[];
  IPPool: readonly IPPool[];
  HostInterface: readonly HostInterface[];
}

/** Those copies, and the objects that nicd has no use for because they cannot be read. */
export interface ReadObjects extends CopiedObjects {
  unreadable: readonly Unreadable[];
}

/** Everything nicd has on record, for `multinic doctor`. */
export interface RecordReply {
  node: string;
  bootId: string;
  attachments: RecordedAttachment[];
  /** Routing tables of networks. */
  tables: { network: string; id: number }[];
  /** Keys whose late ADD would be refused now. */
  graves: AttachmentKey[];
  /** The container runtime's socket; "" = there is none. */
  cri: string;
  /** nicd's copies of objects: whether they are whole, and which version of each object it has. */
  copies: Partial<Record<keyof CopiedObjects, CopyState>>;
  /** Asked for with `objects`. */
  objects?: ReadObjects;
}

/** What to mend; each part is done once and its outcome said. */
export interface MendRequest {
  /** Only say what would be done. */
  dryRun: boolean;
}

export interface MendReply {
  /** What was done, or would be: one sentence each. */
  steps: string[];
  /** What could not be done, and why. */
  failures: string[];
}

/** Asks why a pod has the NICs it has, and what it would get now. */
export interface ExplainRequest {
  /** Whose attachments and devices count; names and uid may be "". */
  pod: PodRef;
  /** What to choose now, without recording it. */
  tries: { network: string; request: NicRequest }[];
}

export interface ExplainReply {
  node: string;
  /** Attachments of the pod on this node. */
  attached: {
    network: string;
    ifname: string;
    attachedAt: number;
    reason: string;
    interfaces: { name: string; master: string; pciAddress: string; promisedKbps?: number }[];
  }[];
  /** The last refusal of each network since nicd started. */
  refused: { network: string; at: number; message: string }[];
  tries: Explained[];
}

/** Codes of the CNI spec where it has one (7 invalid config, 11 try again later), ours from 100 up. */
export interface NodeFault {
  code: number;
  msg: string;
  details: string;
}

export const verbs = [
  "attach",
  "detach",
  "check",
  "gc",
  "status",
  "record",
  "mend",
  "explain",
] as const;
export type Verb = (typeof verbs)[number];

/** The codes of `NodeFault`; a `Failure` inside nicd carries one as text in its `code`. */
export const faultCode = {
  /** CNI spec: the container is unknown (CHECK without an attachment). */
  unknownContainer: 3,
  /** CNI spec: the request or the annotation cannot be met as written. */
  invalidConfig: 7,
  /** CNI spec: transient; the same request may succeed later. */
  tryLater: 11,
  /** Something in nicd broke; details say what. */
  internal: 100,
  /** No NIC of this host answers the request. */
  noNic: 101,
  /** Every address of a pool is in use. */
  poolFull: 102,
  /** Another network uses the master in a way that excludes this one. */
  masterConflict: 103,
  /** A DEL of this very attachment came first: undo and give up. */
  buried: 104,
  /** A static address is taken, excluded or outside the pool. */
  addressRefused: 105,
  /** NICs together do not carry the target. */
  noBandwidth: 106,
} as const;
