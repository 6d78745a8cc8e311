import type {
  Cidr,
  Config,
  DeviceClass,
  HostInterface,
  IPPool,
  MultiNicNetwork,
} from "../api/kinds.ts";
import type { KubeObject } from "../api/meta.ts";
import { createInformer } from "../kube/informer.ts";
import type { KindName, Kinds, Kube, PodObject, Selection, Store } from "../kube/kube.ts";
import { type ReadableStore, readable } from "../kube/readable.ts";
import type { Log } from "../log.ts";
import { hostnameLabel, labelValue, type Sha256 } from "../plan/names.ts";
import { parseStored, soundHostInterface } from "./storedobject.ts";
import type { CachedKind, CachedKinds, StoredView } from "./view.ts";

/**
 * Local copies of what one node needs: nothing here grows with the pods of other nodes. Objects whose fields are not of their
 * types are left out and logged.
 */
export interface Copies {
  readonly slices: ReadableStore<Cidr>;
  readonly networks: ReadableStore<MultiNicNetwork>;
  readonly classes: ReadableStore<DeviceClass>;
  readonly configs: ReadableStore<Config>;
  /** This node's own, at most one. */
  readonly hostInterfaces: ReadableStore<HostInterface>;
  readonly pools: ReadableStore<IPPool>;
  /** This node's pods; only where there is no container runtime to ask. */
  readonly pods: Store<PodObject> | undefined;
}

export interface CopiesOptions {
  readonly node: string;
  readonly log: Log;
  readonly sha256: Sha256;
  readonly withPods: boolean;
}

/** Starts the copies; they fill in the background until `signal` fires. */
export function createCopies(kube: Kube, options: CopiesOptions, signal: AbortSignal): Copies {
  const { node, log } = options;
  const copy = <K extends KindName>(kind: K, selection?: Selection): Store<Kinds[K]> =>
    createInformer(kube, kind, { selection, log, signal });
  const labelSelector = `${hostnameLabel}=${labelValue(node, options.sha256)}`;
  const own = copy("HostInterface", { fieldSelector: `metadata.name=${node}` });
  return {
    slices: readable(copy("CIDR"), parseStored, { log }),
    networks: readable(copy("MultiNicNetwork"), parseStored, { log }),
    classes: readable(copy("DeviceClass"), parseStored, { log }),
    configs: readable(copy("Config"), parseStored, { log }),
    hostInterfaces: readable(own, parseStored, { log, standIn: soundHostInterface }),
    pools: readable(copy("IPPool", { labelSelector }), parseStored, { log }),
    pods: options.withPods ? copy("Pod", { fieldSelector: `spec.nodeName=${node}` }) : undefined,
  };
}

/** Tells whether every copy has its first list. */
export function allSynced(copies: Copies): boolean {
  return Object.values(copies).every(
    (store: Store<unknown> | undefined) => store?.synced !== false,
  );
}

/** Hands every synced list and every later change on to the view, which keeps them on disk too. */
export function feedView(copies: Copies, view: StoredView, signal: AbortSignal): void {
  feed(copies.pools, "IPPool", { view, signal });
  feed(copies.networks, "MultiNicNetwork", { view, signal });
  feed(copies.classes, "DeviceClass", { view, signal });
}

function feed<K extends CachedKind>(
  copy: ReadableStore<CachedKinds[K]>,
  kind: K,
  to: { readonly view: StoredView; readonly signal: AbortSignal },
): void {
  const { view, signal } = to;
  const take = ({ metadata }: KubeObject) => {
    const object = copy.get(metadata.name);
    if (object) view.put(object);
    else view.spoiled(kind, metadata);
  };
  const stop = copy.stored.onChange((before, after) => {
    if (after) take(after);
    else if (before) view.remove(kind, before.metadata.name);
  });
  signal.addEventListener("abort", stop, { once: true });
  copy.ready(signal).then(
    () => {
      const all = copy.stored.list();
      view.retain(kind, new Set(all.map(({ metadata }) => metadata.name)));
      for (const object of all) take(object);
    },
    // The copies stop with the program: there is nothing to feed any more.
    () => {},
  );
}
