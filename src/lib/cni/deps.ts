import type { Kernel, Netns } from "../linux/kernel.ts";
import type { Sysctl, SysctlFailure } from "../linux/sysctl.ts";
import type { Log } from "../log.ts";
import type {
  AttachmentKey,
  AttachReply,
  AttachRequest,
  CheckReply,
  DetachReply,
  GcReply,
  GcRequest,
  StatusReply,
  StatusRequest,
} from "../node/contract.ts";
import type { Environment } from "../settings.ts";
import type { RdmaWorld } from "./rdma-world.ts";
import type { UnderWay } from "./underway.ts";

/** The verbs of nicd. A `Failure` whose code is a CNI code is nicd's answer; any other one means that it could not be asked. */
export interface NodeCalls {
  /** `meanwhile` runs once the request is on its way, before its answer is waited for; it never throws. */
  attach(request: AttachRequest, meanwhile?: () => Promise<void>): Promise<AttachReply>;
  detach(key: AttachmentKey): Promise<DetachReply>;
  check(key: AttachmentKey): Promise<CheckReply>;
  gc(request: GcRequest): Promise<GcReply>;
  status(request: StatusRequest): Promise<StatusReply>;
}

/** A namespace file's identity, from stat. */
export interface NetnsIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The ways into network namespaces. */
export interface Sockets {
  /** Opens rtnetlink in our own namespace; code `NoFFI` where FFI is not possible. */
  openKernel(): Kernel;
  /** Opens a namespace file; code `NoFFI` where FFI is not possible, ENOENT when it is gone. */
  openNetns(path: string): Netns;
  /** Writes kernel settings in a pod's namespace and returns what did not take. */
  setSysctls(netns: Netns, wanted: readonly Sysctl[]): readonly SysctlFailure[];
}

/** What the commands use of the world. */
export interface CniDeps {
  readonly node: NodeCalls;
  /** Leaves a durable note that nicd replays as a detach. */
  bury(key: AttachmentKey): void | Promise<void>;
  readonly underWay: UnderWay;
  /** Loads what speaks rtnetlink, which nothing but links needs. */
  sockets(): Promise<Sockets>;
  /** Tells whether FFI, and so rtnetlink, is possible. */
  canFfi(): boolean;
  /** Reads the identity of a namespace file; ENOENT when it is gone, `NotNetns` when it is something else. */
  identify(path: string): NetnsIdentity;
  /** Loads what RDMA takes; undefined on a host without it. */
  rdma(): Promise<RdmaWorld | undefined>;
  /** Names the host's interfaces of a PCI function, by its sysfs folder. */
  interfacesOf(pciAddress: string): Promise<readonly string[]>;
  /** Lets time pass (ms). */
  pause(ms: number): Promise<void>;
  /** Waits for one of the node's places for kernel work; the answer gives it back. */
  takeSlot(): Promise<() => void>;
  /** Finds a plugin's file in CNI_PATH. */
  findPlugin(type: string, path: readonly string[]): Promise<string>;
  runPlugin(
    file: string,
    options: { env: Environment; stdin: string },
  ): Promise<{ exitCode: number; stdout: string }>;
  readonly log: Log;
}
