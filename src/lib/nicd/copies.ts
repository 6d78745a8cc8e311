import type {
  Cidr,
  Config,
  DeviceClass,
  HostInterface,
  IPPool,
  MultiNicNetwork,
} from "../api/kinds.ts";
import { createInformer } from "../kube/informer.ts";
import type { KindName, Kinds, Kube, PodObject, Selection, Store } from "../kube/kube.ts";
import type { Log } from "../log.ts";
import { hostnameLabel, labelValue, type Sha256 } from "../plan/names.ts";
import type { CachedKind, CachedKinds, StoredView } from "./view.ts";

/** Local copies of what one node needs: nothing here grows with the pods of other nodes. */
export interface Copies {
  readonly slices: Store<Cidr>;
  readonly networks: Store<MultiNicNetwork>;
  readonly classes: Store<DeviceClass>;
  readonly configs: Store<Config>;
  /** This node's own, at most one. */
  readonly hostInterfaces: Store<HostInterface>;
  readonly pools: Store<IPPool>;
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
  return {
    slices: copy("CIDR"),
    networks: copy("MultiNicNetwork"),
    classes: copy("DeviceClass"),
    configs: copy("Config"),
    hostInterfaces: copy("HostInterface", { fieldSelector: `metadata.name=${node}` }),
    pools: copy("IPPool", {
      labelSelector: `${hostnameLabel}=${labelValue(node, options.sha256)}`,
    }),
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
  store: Store<CachedKinds[K]>,
  kind: K,
  to: { readonly view: StoredView; readonly signal: AbortSignal },
): void {
  const { view, signal } = to;
  const stop = store.onChange((before, after) => {
    if (after) view.put(after);
    else if (before) view.remove(kind, before.metadata.name);
  });
  signal.addEventListener("abort", stop, { once: true });
  store.ready(signal).then(
    () => view.replaceAll(kind, store.list()),
    // The copies stop with the program: there is nothing to feed any more.
    () => {},
  );
}
