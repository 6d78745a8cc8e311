import { Failure } from "../errors.ts";
import { type Family, parseAddress, parseAddressWithLength, parsePrefix } from "../ip.ts";
import type { NetworkRef } from "../node/contract.ts";
import { AddressPool } from "../plan/allocation.ts";
import type { ChosenNic } from "../plan/choice-selection.ts";
import type { AddressRecord } from "./attachmentrecord.ts";
import type { Records } from "./records.ts";
import type { NodePool, NodeView } from "./view.ts";

/** What an attachment's addresses are taken from. */
export interface AddressRequest {
  readonly network: string;
  readonly subnet: string;
  /** Empty = every plane. */
  readonly masterNets: readonly string[];
  readonly nics: readonly ChosenNic[];
  /** Static addresses in NIC order, with or without prefix length. */
  readonly ips: readonly string[];
  readonly pools: readonly NodePool[];
}

interface Slot {
  readonly spec: NodePool;
  readonly family: Family;
  readonly pool: AddressPool;
  given: AddressRecord | undefined;
}

/** Gives addresses out of this node's pools; keeps each pool in memory, rebuilt from the records when in doubt. */
export class Addressing {
  readonly #records: Records;
  readonly #pools = new Map<string, { excludes: string; pool: AddressPool }>();

  constructor(records: Records) {
    this.#records = records;
  }

  /** Takes one address per NIC and family. On an error the caller rolls back and calls `forget`. */
  give(request: AddressRequest, now: number): AddressRecord[][] {
    const slots = request.nics.map((nic) => this.#slots(nic, request));
    this.#giveStatic(slots, request);
    for (const slot of slots.flat()) slot.given ??= record(slot, slot.pool.allocate(now).index);
    return slots.map((list) => list.flatMap((slot) => slot.given ?? []));
  }

  /** Puts addresses back that the records have freed. */
  release(network: string, addresses: readonly AddressRecord[], now: number): void {
    for (const address of addresses) {
      this.#pools.get(poolKey(network, address.podCIDR))?.pool.release(address.index, now);
    }
  }

  /** Drops what is in memory: the next use reads the records again. */
  forget(): void {
    this.#pools.clear();
  }

  /** Returns a pool's state. */
  pool(spec: NodePool): AddressPool {
    const key = poolKey(spec.netAttachDef, spec.podCIDR);
    const excludes = spec.excludes.join();
    const kept = this.#pools.get(key);
    if (kept && kept.excludes === excludes) return kept.pool;
    const pool = new AddressPool({
      name: spec.name,
      podCIDR: spec.podCIDR,
      excludes: spec.excludes,
      used: this.#records.used(spec.netAttachDef, spec.podCIDR),
      freed: this.#records.freed(spec.netAttachDef, spec.podCIDR),
    });
    this.#pools.set(key, { excludes, pool });
    return pool;
  }

  #slots(nic: ChosenNic, request: AddressRequest): Slot[] {
    return poolsOf(nic, request).map(({ spec, family }) => ({
      spec,
      family,
      pool: this.pool(spec),
      given: undefined,
    }));
  }

  /** Each static address goes to the first NIC, in order, that has none of its family yet. */
  #giveStatic(slots: readonly Slot[][], request: AddressRequest): void {
    let at = 0;
    for (const text of request.ips) {
      const address = parseAddressWithLength(text)?.address ?? parseAddress(text);
      if (!address) throw refuseStatic(text, request, "it is not an IP address");
      const open = (i: number) =>
        slots[i]?.find((slot) => slot.family === address.family && slot.given === undefined);
      while (at < slots.length && !open(at)) at++;
      const slot = open(at);
      if (!slot) {
        throw refuseStatic(
          text,
          request,
          `the ${request.nics.length} chosen NICs (${request.nics.map((n) => n.master).join(", ")}) take no further IPv${address.family} address`,
        );
      }
      slot.given = record(slot, slot.pool.take(address));
    }
  }
}

/**
 * Says which pools an attachment may take from: by its definition, and by the network itself where a foreign plugin's
 * configuration, which calls multi-nic-ipam, says nothing.
 */
export function poolsFrom(
  { network, ref }: { readonly network: string; readonly ref: NetworkRef },
  view: Pick<NodeView, "network" | "pools">,
): Pick<AddressRequest, "network" | "subnet" | "masterNets" | "pools"> {
  const spec = view.network(network);
  const masterNets = ref.masterNets.length > 0 ? ref.masterNets : (spec?.masterNets ?? []);
  const subnet = ref.subnet || (spec?.subnet ?? "");
  return { network, subnet, masterNets, pools: view.pools(network) };
}

/**
 * Returns the pools a NIC takes addresses from, IPv4 first: those that are there, and one for each family that the
 * network's subnet, its masterNets and the NIC have. Throws code 11 when such a pool has not come yet, 101 for a device without a NIC.
 */
export function poolsOf(
  nic: ChosenNic,
  request: Pick<AddressRequest, "network" | "subnet" | "masterNets" | "pools">,
): { spec: NodePool; family: Family }[] {
  if (nic.master === "") {
    throw new Failure(
      `Cannot give device ${nic.pciAddress} an address of network ${request.network}: it belongs to no NIC that this node's discovery lists`,
      { code: "101" },
    );
  }
  const mine = request.pools
    .filter((pool) => pool.interfaceName === nic.master)
    .sort((a, b) => (a.podCIDR < b.podCIDR ? -1 : 1));
  const wanted = familiesOf(request, nic.nets);
  const found: { spec: NodePool; family: Family }[] = [];
  for (const family of [4, 6] as const) {
    const spec = mine.find((pool) => parsePrefix(pool.podCIDR)?.family === family);
    if (spec) found.push({ spec, family });
    else if (wanted.has(family)) {
      throw new Failure(
        `No IPv${family} pool of network ${request.network} for ${nic.master || nic.pciAddress} (${nic.netAddress || "no address"}) has reached this node yet; the operator makes it when the CIDR object lists this host`,
        { code: "11" },
      );
    }
  }
  return found;
}

/** The operator makes no pool of a family in which no plane is named: waiting for one would never end. */
function familiesOf(
  { subnet, masterNets }: Pick<AddressRequest, "subnet" | "masterNets">,
  nets: readonly string[],
): Set<Family> {
  const families = (list: readonly string[]) =>
    new Set(list.flatMap((text) => parsePrefix(text.trim())?.family ?? []));
  const common = (a: ReadonlySet<Family>, b: ReadonlySet<Family>) => {
    const both = new Set([...a].filter((family) => b.has(family)));
    return both.size > 0 ? both : new Set(a);
  };
  const own = common(families(nets), families(masterNets));
  const network = families(subnet.split(","));
  if (network.size === 0) return own.size > 0 ? own : new Set([4]);
  return common(network, own);
}

function record(slot: Slot, index: number): AddressRecord {
  return {
    podCIDR: slot.spec.podCIDR,
    index,
    address: slot.pool.addressOf(index),
    prefixLength: parsePrefix(slot.spec.vlanCIDR)?.length ?? slot.pool.prefix.length,
  };
}

function refuseStatic(text: string, request: AddressRequest, why: string): Failure {
  return new Failure(
    `Cannot give static address ${text} of network ${request.network}: ${why}; ips are in NIC order`,
    { code: "105" },
  );
}

function poolKey(network: string, podCIDR: string): string {
  return `${network} ${podCIDR}`;
}
