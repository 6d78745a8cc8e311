import type {
  Cidr,
  Config,
  HostInterface,
  IPPool,
  MultiNicNetwork,
  NetworkAttachmentDefinition,
} from "../api/kinds.ts";
import type { Unreadable } from "../api/meta.ts";
import type { NamespaceObject, NodeObject } from "../kube/kube.ts";
import { overlappingSubnets } from "../plan/cidr-overlap.ts";
import { configName, countingConfig } from "../plan/countingconfig.ts";
import { networkOf } from "../plan/networkof.ts";
import type { Deps } from "./deps.ts";

/** Everything that decisions about one network look at, read from the copies. */
export interface Observed {
  readonly network: MultiNicNetwork;
  /** Why the network itself cannot be read; it is a stand-in then. */
  readonly problem: string | undefined;
  /** CIDRs and IPPools of the network that cannot be read: what they give to whom is not known. */
  readonly unreadable: readonly Unreadable[];
  readonly config: Config | undefined;
  readonly slices: readonly Cidr[];
  readonly pools: readonly IPPool[];
  readonly definitions: readonly NetworkAttachmentDefinition[];
  readonly hostInterfaces: readonly HostInterface[];
  readonly namespaces: readonly NamespaceObject[];
  /** Names of the node objects; undefined while they are not known. */
  readonly liveNodes: ReadonlySet<string> | undefined;
  /** Nodes whose kubelet has stopped reporting: nothing can be cleaned up there now. */
  readonly deadNodes: ReadonlySet<string>;
  readonly providerIDs: readonly string[];
  readonly daemons: { readonly ready: ReadonlySet<string>; readonly all: ReadonlySet<string> };
  /** What its subnet shares with other networks. */
  readonly overlaps: readonly string[];
}

export { configName };

/** Reads what concerns one network out of the copies; the copies must be ready. */
export function observeNetwork(network: MultiNicNetwork, deps: Deps): Observed {
  const { stores } = deps;
  const name = network.metadata.name;
  const nodes = stores.nodes.list();
  const isOwn = ({ object }: Unreadable) => networkOf(object) === name;
  return {
    network,
    problem: stores.networks.unreadable().find((one) => one.object.metadata.name === name)?.problem,
    unreadable: [...stores.cidrs.unreadable(), ...stores.pools.unreadable()].filter(isOwn),
    config: countingConfig(stores.configs.list()),
    slices: stores.cidrs.list().filter((cidr) => cidr.spec.config.name === name),
    pools: stores.pools.list().filter((pool) => pool.spec.netAttachDef === name),
    definitions: stores.definitions.list().filter((one) => one.metadata.name === name),
    hostInterfaces: stores.hostInterfaces.list(),
    namespaces: stores.namespaces.list(),
    liveNodes: stores.nodes.synced ? new Set(nodes.map((node) => node.metadata.name)) : undefined,
    deadNodes: new Set(nodes.filter(isDead).map((node) => node.metadata.name)),
    providerIDs: nodes.flatMap((node) => node.spec?.providerID ?? []),
    daemons: daemonsOf(deps),
    overlaps: overlapsOf(name, deps),
  };
}

/** The node controller turns Ready to Unknown when a kubelet is silent; a node that says nothing counts as alive. */
function isDead(node: NodeObject): boolean {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready");
  return ready !== undefined && ready.status !== "True";
}

/** Returns whether a node's nicd is waited for. One that restarts is, its pods run; a node that is gone or silent is not. */
export function aliveIn({ liveNodes, deadNodes }: Observed): (node: string) => boolean {
  return (node) => (liveNodes === undefined || liveNodes.has(node)) && !deadNodes.has(node);
}

/** Tells on which nodes an nicd pod is, and on which it is ready. */
export function daemonsOf(deps: Deps): Observed["daemons"] {
  const ready = new Set<string>();
  const all = new Set<string>();
  for (const pod of deps.stores.daemons.list()) {
    const node = pod.spec?.nodeName;
    if (node === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    all.add(node);
    const condition = pod.status?.conditions?.find((c) => c.type === "Ready");
    if (condition?.status === "True") ready.add(node);
  }
  return { ready, all };
}

function overlapsOf(name: string, deps: Deps): string[] {
  const networks = deps.stores.networks
    .list()
    .map((network) => ({ name: network.metadata.name, subnet: network.spec.subnet ?? "" }));
  return overlappingSubnets(networks)
    .filter(({ a, b }) => a === name || b === name)
    .map(({ message }) => message);
}
