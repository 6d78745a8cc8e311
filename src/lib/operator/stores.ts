import { parseCidr } from "../api/cidr.ts";
import { parseConfig } from "../api/config.ts";
import { parseHostInterface } from "../api/hostinterface.ts";
import { parseIPPool } from "../api/ippool.ts";
import type { MultiNicNetwork } from "../api/kinds.ts";
import { parseMultiNicNetwork } from "../api/multinicnetwork.ts";
import { createInformer } from "../kube/informer.ts";
import type { KindName, Kinds, Kube, Selection, Store } from "../kube/kube.ts";
import { type ReadableStore, readable } from "../kube/readable.ts";
import type { Log } from "../log.ts";
import { fieldOf } from "../plan/networkof.ts";

/** Label of the daemon's pods, and of nothing else in the operator's namespace. */
export const daemonLabel = "app=multi-nicd";

/** Local copies of everything the operator decides on. */
export interface Stores {
  readonly networks: ReadableStore<Kinds["MultiNicNetwork"]>;
  readonly configs: ReadableStore<Kinds["Config"]>;
  readonly hostInterfaces: ReadableStore<Kinds["HostInterface"]>;
  readonly cidrs: ReadableStore<Kinds["CIDR"]>;
  readonly pools: ReadableStore<Kinds["IPPool"]>;
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
    networks: readable(copy("MultiNicNetwork"), parseMultiNicNetwork, { log, standIn }),
    configs: readable(copy("Config"), parseConfig, { log }),
    hostInterfaces: readable(copy("HostInterface"), parseHostInterface, { log }),
    cidrs: readable(copy("CIDR"), parseCidr, { log }),
    pools: readable(copy("IPPool"), parseIPPool, { log }),
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

/** What is left of a network that cannot be read: it is told so in its status, keeps its range, and can be deleted. */
function standIn(network: MultiNicNetwork): MultiNicNetwork {
  const spec: unknown = network.spec;
  const subnet = fieldOf(spec, "subnet");
  const type = fieldOf(fieldOf(spec, "plugin"), "type");
  return {
    ...network,
    spec: {
      ipam: "",
      plugin: { type: typeof type === "string" ? type : "" },
      ...(typeof subnet === "string" ? { subnet } : {}),
    },
  };
}
