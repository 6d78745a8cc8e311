import type {
  DeviceClass,
  HostInterfaceRow,
  IPPool,
  IPPoolSpec,
  MultiNicNetwork,
  MultiNicNetworkSpec,
} from "../api/kinds.ts";
import type { KubeObject } from "../api/meta.ts";
import type { NicState } from "../plan/choice-nicload.ts";
import type { Rates } from "../plan/nic-rates.ts";
import type { Store } from "./store.ts";
import { isSound } from "./storedobject.ts";

/** A pool of this node, with its object's name. */
export interface NodePool extends IPPoolSpec {
  readonly name: string;
}

/** What an attachment is decided from: this node's NICs and the last seen objects. No call leaves the process. */
export interface NodeView {
  /** Rows of `HostInterface.spec.interfaces`; a NIC of two families has two. Undefined until discovery has looked. */
  nics(): readonly HostInterfaceRow[] | undefined;
  /** Names of NICs that carry no links of their own (IPoIB): only plugins that move the NIC itself may have them. */
  unlinkable?(): ReadonlySet<string>;
  /** Speed, carrier, place and measured rates of NICs, by name. */
  states?(): ReadonlyMap<string, NicState>;
  /** Device-plugin resources whose devices are a network's NICs, as its definition says; none where NICs are chosen. */
  resources?(network: string): readonly string[];
  /** Returns the PCI address of the physical function that a virtual one belongs to. */
  parentOf(pciAddress: string): string | undefined;
  /** Returns the name that the interface of a PCI function had on the host when it was seen last. */
  nameOf?(pciAddress: string): string | undefined;
  /** Pools of one network on this node. */
  pools(network: string): readonly NodePool[];
  network(name: string): MultiNicNetworkSpec | undefined;
  /** Tells whether a network is being deleted: no pod gets it any more. */
  leaving?(network: string): boolean;
  deviceClass(name: string): DeviceClass["spec"] | undefined;
}

/** Kinds whose last seen objects outlive a restart, so that pods start while the API server is down. */
export interface CachedKinds {
  IPPool: IPPool;
  MultiNicNetwork: MultiNicNetwork;
  DeviceClass: DeviceClass;
}
export type CachedKind = keyof CachedKinds;

/** Under which the resources of networks are kept in the store. */
const resourcesKind = "Resources";

/** A `NodeView` over objects kept in the store; discovery and the watches fill it. */
export class StoredView implements NodeView {
  readonly #node: string;
  readonly #store: Store;
  readonly #pools = new Map<string, Map<string, NodePool>>();
  readonly #networks = new Map<string, MultiNicNetworkSpec>();
  readonly #leaving = new Set<string>();
  readonly #classes = new Map<string, DeviceClass["spec"]>();
  #nics: readonly HostInterfaceRow[] | undefined;
  #parents: ReadonlyMap<string, string> = new Map();
  #unlinkable: ReadonlySet<string> = new Set();
  #states: ReadonlyMap<string, NicState> = new Map();
  #rates: ReadonlyMap<string, Rates> = new Map();
  readonly #names: Map<string, string>;
  readonly #resources = new Map<string, readonly string[]>();

  /** Starts with what the store saw last. `node` chooses the pools: those whose `spec.hostName` it is. */
  constructor(store: Store, node: string) {
    this.#store = store;
    this.#node = node;
    this.#names = store.nicNames.all();
    for (const pool of this.#remembered("IPPool")) this.#keepPool(pool);
    for (const network of this.#remembered("MultiNicNetwork")) this.#keepNetwork(network);
    for (const one of this.#remembered("DeviceClass")) this.#keepClass(one);
    for (const { name, json } of store.objects(resourcesKind)) {
      this.#resources.set(name, JSON.parse(json));
    }
  }

  nics(): readonly HostInterfaceRow[] | undefined {
    return this.#nics;
  }

  unlinkable(): ReadonlySet<string> {
    return this.#unlinkable;
  }

  states(): ReadonlyMap<string, NicState> {
    if (this.#rates.size === 0) return this.#states;
    const states = new Map(this.#states);
    for (const [name, rates] of this.#rates) states.set(name, { ...states.get(name), rates });
    return states;
  }

  resources(network: string): readonly string[] {
    return this.#resources.get(network) ?? [];
  }

  parentOf(pciAddress: string): string | undefined {
    return this.#parents.get(pciAddress);
  }

  nameOf(pciAddress: string): string | undefined {
    return this.#names.get(pciAddress);
  }

  pools(network: string): readonly NodePool[] {
    return [...(this.#pools.get(network)?.values() ?? [])];
  }

  network(name: string): MultiNicNetworkSpec | undefined {
    return this.#networks.get(name);
  }

  leaving(network: string): boolean {
    return this.#leaving.has(network);
  }

  deviceClass(name: string): DeviceClass["spec"] | undefined {
    return this.#classes.get(name);
  }

  /** Takes what discovery saw; `parents` maps virtual functions to physical ones by PCI address. */
  setNics(
    nics: readonly HostInterfaceRow[],
    of: {
      parents?: ReadonlyMap<string, string>;
      unlinkable?: ReadonlySet<string>;
      states?: ReadonlyMap<string, NicState>;
      names?: ReadonlyMap<string, string>;
    } = {},
  ): void {
    for (const [pciAddress, name] of of.names ?? []) {
      if (this.#names.get(pciAddress) === name) continue;
      this.#names.set(pciAddress, name);
      this.#store.nicNames.put(pciAddress, name);
    }
    this.#nics = nics;
    this.#states = of.states ?? new Map();
    this.#parents = of.parents ?? new Map();
    this.#unlinkable = of.unlinkable ?? new Set();
  }

  /** Takes what was measured on NICs. */
  setRates(rates: ReadonlyMap<string, Rates>): void {
    this.#rates = rates;
  }

  /** Takes the resources that a network's definition names and remembers them; [] = it names none. */
  setResources(network: string, resources: readonly string[]): void {
    if (resources.length > 0) {
      this.#resources.set(network, resources);
      this.#store.putObject(resourcesKind, network, JSON.stringify(resources));
    } else if (this.#resources.delete(network)) this.#store.deleteObject(resourcesKind, network);
  }

  /** Takes one object as the watch saw it and remembers it; a pool of another node, or one that is going, is forgotten. */
  put(object: CachedKinds[CachedKind]): void {
    const { kind, metadata } = object;
    if (object.kind === "IPPool") {
      if (object.spec.hostName !== this.#node || metadata.deletionTimestamp !== undefined) {
        this.remove(kind, metadata.name);
        return;
      }
      this.#remember({ ...object, spec: { ...object.spec, allocations: [] } });
      this.#keepPool(object);
      return;
    }
    // First in memory: a disk that takes no more must not leave a network open that is said to be closed.
    if (object.kind === "MultiNicNetwork") this.#keepNetwork(object);
    else this.#keepClass(object);
    this.#remember(object);
  }

  /** Forgets one object. */
  remove(kind: CachedKind, name: string): void {
    this.#store.deleteObject(kind, name);
    if (kind === "MultiNicNetwork") {
      this.#networks.delete(name);
      this.#leaving.delete(name);
    } else if (kind === "DeviceClass") this.#classes.delete(name);
    else for (const pools of this.#pools.values()) pools.delete(name);
  }

  /** Takes all that can be known of an object that cannot be read: what it said before stays, and whether it is going. */
  spoiled(kind: CachedKind, { name, deletionTimestamp }: KubeObject["metadata"]): void {
    const goes = deletionTimestamp !== undefined;
    if (kind === "MultiNicNetwork") this.#close(name, goes);
    else if (kind === "IPPool" && goes) this.remove(kind, name);
  }

  /** Takes the names of a whole synced list of one kind: what is not among them is forgotten. */
  retain(kind: CachedKind, names: ReadonlySet<string>): void {
    for (const { name } of this.#store.objects(kind)) if (!names.has(name)) this.remove(kind, name);
  }

  /** What an earlier release let in is left where it is. */
  #remembered<K extends CachedKind>(kind: K): CachedKinds[K][] {
    return this.#store
      .objects(kind)
      .map(({ json }): CachedKinds[K] => JSON.parse(json))
      .filter(isSound);
  }

  #remember(object: CachedKinds[CachedKind]): void {
    const { apiVersion, kind, metadata, spec } = object;
    const { name, deletionTimestamp } = metadata;
    const kept = { name, ...(deletionTimestamp ? { deletionTimestamp } : {}) };
    this.#store.putObject(kind, name, JSON.stringify({ apiVersion, kind, metadata: kept, spec }));
  }

  #keepPool(pool: IPPool): void {
    const { name } = pool.metadata;
    for (const pools of this.#pools.values()) pools.delete(name);
    const network = pool.spec.netAttachDef;
    const pools = this.#pools.get(network) ?? new Map<string, NodePool>();
    this.#pools.set(network, pools.set(name, { ...pool.spec, allocations: [], name }));
  }

  #keepNetwork(network: MultiNicNetwork): void {
    const { name, deletionTimestamp } = network.metadata;
    this.#networks.set(name, network.spec);
    this.#close(name, deletionTimestamp !== undefined);
  }

  /** A network of the same name that came after it is open again. */
  #close(name: string, goes: boolean): void {
    if (goes) this.#leaving.add(name);
    else this.#leaving.delete(name);
  }

  #keepClass(object: DeviceClass): void {
    this.#classes.set(object.metadata.name, object.spec);
  }
}
