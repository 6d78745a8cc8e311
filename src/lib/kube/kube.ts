import type {
  NicClusterPolicy,
  SriovNetwork,
  SriovNetworkNodePolicy,
  SriovNetworkNodeState,
} from "../api/devices.ts";
import type {
  Cidr,
  Config,
  DeviceClass,
  HostInterface,
  IPPool,
  MultiNicNetwork,
  NetworkAttachmentDefinition,
} from "../api/kinds.ts";
import type { KubeObject } from "../api/meta.ts";

/** Kinds from elsewhere that we only read or write in part. */
export interface NamespaceObject extends KubeObject {
  status?: { phase?: string };
}
export interface NodeObject extends KubeObject {
  spec?: { providerID?: string; unschedulable?: boolean };
  status?: {
    addresses?: { type: string; address: string }[];
    conditions?: { type: string; status: string }[];
  };
}
export interface PodObject extends KubeObject {
  spec?: {
    nodeName?: string;
    hostNetwork?: boolean;
    containers?: { name: string; image: string }[];
  };
  status?: { phase?: string; podIP?: string; conditions?: { type: string; status: string }[] };
}

export interface Kinds {
  MultiNicNetwork: MultiNicNetwork;
  HostInterface: HostInterface;
  CIDR: Cidr;
  IPPool: IPPool;
  DeviceClass: DeviceClass;
  Config: Config;
  NetworkAttachmentDefinition: NetworkAttachmentDefinition;
  SriovNetwork: SriovNetwork;
  SriovNetworkNodePolicy: SriovNetworkNodePolicy;
  SriovNetworkNodeState: SriovNetworkNodeState;
  NicClusterPolicy: NicClusterPolicy;
  Namespace: NamespaceObject;
  Node: NodeObject;
  Pod: PodObject;
  Event: KubeObject & Record<string, unknown>;
  Lease: KubeObject & { spec?: Record<string, unknown> };
  DaemonSet: KubeObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> };
  Deployment: KubeObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> };
  CustomResourceDefinition: KubeObject & {
    spec?: Record<string, unknown>;
    status?: Record<string, unknown>;
  };
}
export type KindName = keyof Kinds;

export interface Where {
  readonly namespace?: string | undefined;
}
export interface Selection extends Where {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** A list that the API server answered in full. A failed list throws; it is never an empty one. */
export interface KubeList<T> {
  readonly items: T[];
  readonly resourceVersion: string;
}

/** An object's identity and version, without what it says. */
export interface ObjectVersion {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
}

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/**
 * What the program needs of the Kubernetes API. Every method throws a `Failure` whose code is the API's reason
 * (`Conflict`, `AlreadyExists`, `Forbidden`, `Invalid`, `Expired`, …), or `Unavailable` when there was no usable answer.
 */
export interface Kube {
  /** Returns undefined only when the server answered 404 for the object itself. */
  get<K extends KindName>(kind: K, name: string, where?: Where): Promise<Kinds[K] | undefined>;
  list<K extends KindName>(kind: K, selection?: Selection): Promise<KubeList<Kinds[K]>>;
  /**
   * Lists names and versions only, of a time not before `since`: what a copy is checked with. Absent where a client cannot.
   */
  versions?<K extends KindName>(
    kind: K,
    selection: Selection & { readonly since: string },
  ): Promise<KubeList<ObjectVersion>>;
  create<K extends KindName>(kind: K, object: Kinds[K]): Promise<Kinds[K]>;
  /** PUT: `metadata.resourceVersion` must be set; a stale one fails with code `Conflict`. */
  replace<K extends KindName>(kind: K, object: Kinds[K]): Promise<Kinds[K]>;
  /** PUT of the status subresource, resourceVersion-checked. */
  replaceStatus<K extends KindName>(kind: K, object: Kinds[K]): Promise<Kinds[K]>;
  /** JSON merge patch; put metadata.resourceVersion in to have it checked. */
  patch<K extends KindName>(
    kind: K,
    name: string,
    patch: unknown,
    where?: Where & { subresource?: "status" },
  ): Promise<Kinds[K]>;
  /** Server-side apply as `manager`, forced unless said otherwise. */
  apply<K extends KindName>(
    kind: K,
    object: KubeObject & Record<string, unknown>,
    options: { manager: string; force?: boolean; subresource?: "status" },
  ): Promise<Kinds[K]>;
  /**
   * Deletes; a missing object is success. With uid or resourceVersion: only that very object. A pod on a node goes only
   * when its kubelet deletes it with `gracePeriodSeconds` 0.
   */
  remove<K extends KindName>(
    kind: K,
    name: string,
    options?: Where & {
      uid?: string | undefined;
      resourceVersion?: string | undefined;
      gracePeriodSeconds?: number | undefined;
    },
  ): Promise<void>;
  /** Streams events from `resourceVersion` on until the server ends the stream or `signal` fires; 410 throws code `Expired`. */
  watch<K extends KindName>(
    kind: K,
    options: Selection & { resourceVersion: string; timeoutSeconds?: number },
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<Kinds[K]>>;
  /** Returns the same client with other limits; absent where a client has none (kube/fence.ts then wraps). */
  with?(limits: KubeLimits): Kube;
}

export interface KubeLimits {
  /** Longest time one call may take, its retries included. */
  readonly timeoutMs?: number | undefined;
  /** Called right before every attempt to write; throws to keep the write from being sent. */
  readonly beforeWrite?: (() => void) | undefined;
}

/** A local copy of a selection of objects, kept up to date by list and watch (kube/informer.ts). */
export interface Store<T> {
  /** True once the first list has been taken in whole. */
  readonly synced: boolean;
  get(name: string, namespace?: string): T | undefined;
  list(): readonly T[];
  /** Calls back with the object before and after each change; returns the way to stop. */
  onChange(listener: (before: T | undefined, after: T | undefined) => void): () => void;
  /** Resolves when `synced`. */
  ready(signal?: AbortSignal): Promise<void>;
}
