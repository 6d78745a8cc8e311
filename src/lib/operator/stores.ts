import { createInformer } from "../kube/informer.ts";
import type { KindName, Kinds, Kube, Selection, Store } from "../kube/kube.ts";
import type { Log } from "../log.ts";

/** Label of the daemon's pods, and of nothing else in the operator's namespace. */
export const daemonLabel = "app=multi-nicd";

/** Local copies of everything the operator decides on. */
export interface Stores {
  readonly networks: Store<Kinds["MultiNicNetwork"]>;
  readonly configs: Store<Kinds["Config"]>;
  readonly hostInterfaces: Store<Kinds["HostInterface"]>;
  readonly cidrs: Store<Kinds["CIDR"]>;
  readonly pools: Store<Kinds["IPPool"]>;
  readonly definitions: Store<Kinds["NetworkAttachmentDefinition"]>;
  readonly namespaces: Store<Kinds["Namespace"]>;
  readonly nodes: Store<Kinds["Node"]>;
  /** Pods of nicd, one per node. */
  readonly daemons: Store<Kinds["Pod"]>;
  readonly daemonSets: Store<Kinds["DaemonSet"]>;
}

/** Starts every copy; they fill in the background until `signal` fires. */
export function createStores(
  kube: Kube,
  options: { readonly namespace: string; readonly log: Log },
  signal: AbortSignal,
): Stores {
  const { namespace, log } = options;
  const copy = <K extends KindName>(kind: K, selection?: Selection): Store<Kinds[K]> =>
    createInformer(kube, kind, { selection, log, signal });
  return {
    networks: copy("MultiNicNetwork"),
    configs: copy("Config"),
    hostInterfaces: copy("HostInterface"),
    cidrs: copy("CIDR"),
    pools: copy("IPPool"),
    definitions: copy("NetworkAttachmentDefinition"),
    namespaces: copy("Namespace"),
    nodes: copy("Node"),
    daemons: copy("Pod", { namespace, labelSelector: daemonLabel }),
    daemonSets: copy("DaemonSet", { namespace, labelSelector: daemonLabel }),
  };
}

/** Waits until every copy has its first list: before that, nothing may be decided. */
export async function storesReady(stores: Stores, signal: AbortSignal): Promise<void> {
  await Promise.all(Object.values(stores).map((store: Store<unknown>) => store.ready(signal)));
}
