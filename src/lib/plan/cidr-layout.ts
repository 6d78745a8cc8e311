import type { Cidr, CidrConfig, HostInterface, IPPool } from "../api/kinds.ts";
import type { Fault } from "../errors.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../ip.ts";
import { type Blocks, familiesOf, networkPaths, podBlock } from "./cidr-blocks.ts";
import { numberHosts, vlansOf } from "./cidr-hosts.ts";
import { hostPlaces, type Place } from "./cidr-places.ts";
import { formPlanes, type Plane, type Planes } from "./cidr-planes.ts";
import { decodePod, rebuild } from "./cidr-rebuild.ts";
import { type InUse, type Row, readSlices, type Stored, useKey } from "./cidr-rows.ts";
import { covers } from "./cidr-spans.ts";
import { wantedNets } from "./cidr-wanted.ts";
import { hostNics } from "./hostnics.ts";
import type { Sha256 } from "./names.ts";
import { compareNames } from "./names.ts";

/** What planning a network's CIDR looks at. */
export interface CidrsSeen {
  /** As the network says it now; masterNets [] = every plane that hosts have. */
  readonly config: CidrConfig;
  readonly rails?: boolean | undefined;
  /** This network's CIDR objects, whatever made them. */
  readonly slices: readonly Cidr[];
  /** Of all hosts, unmanaged ones too. */
  readonly hostInterfaces: readonly HostInterface[];
  /** Names of the node objects; undefined = not known now: then nothing is reclaimed and nothing shrinks. */
  readonly liveNodes: ReadonlySet<string> | undefined;
  /** IPPools; those of other networks are left out here. */
  readonly pools: readonly IPPool[];
  readonly sha256: Sha256;
}

/** A network laid out: who has which podCIDR. */
export interface Layout {
  readonly rows: readonly Row[];
  readonly planes: readonly Plane[];
  /** vlanCIDR of each plane and family, keyed `<interfaceIndex>/<family>`. */
  readonly vlans: ReadonlyMap<string, string>;
  /** Nets to list even where no host has a row. */
  readonly listed: ReadonlySet<string>;
  /** Nets in the user's order. */
  readonly wanted: readonly string[];
  /** What the CIDR objects (or what they were rebuilt from) held of hosts that are alive. */
  readonly stored: readonly Row[];
  readonly faults: readonly Fault[];
  readonly notes: readonly string[];
}

/** Lays a network out with these blocks; every index that is there stays where it is. */
export function layOut(seen: CidrsSeen, blocks: Blocks, inUse: ReadonlyMap<string, InUse>): Layout {
  const { liveNodes } = seen;
  const mayShrink = liveNodes !== undefined;
  const named = seen.config.masterNets.length > 0;
  const { hosts, notes } = hostNics(seen.hostInterfaces, familiesOf(blocks), {
    liveNodes,
    pluginType: seen.config.type,
  });
  const read = readSlices(seen.slices);
  const before = aliveOnly(read.stored, liveNodes);
  const wanted = wantedNets({
    masterNets: seen.config.masterNets,
    families: familiesOf(blocks),
    hosts,
    keep: [...before.rows.map((r) => r.net), ...(mayShrink ? [] : before.empty.map((e) => e.net))],
  });
  const nets = [...wanted.nets.keys()];
  const network = seen.config.name;
  const rebuilt = rebuild({
    network,
    blocks,
    stored: before,
    nets,
    hosts,
    inUse,
    liveNodes,
    pools: seen.pools,
  });
  const stored = { rows: [...before.rows, ...rebuilt.rows], empty: before.empty };
  const planes = formPlanes({
    blocks,
    wanted: wanted.nets,
    named,
    rails: seen.rails ?? false,
    stored,
    hosts,
    reserved: rebuilt.planes,
  });
  const rows = Map.groupBy(stored.rows, (row) => row.host);
  const places = new Map<string, Place[]>();
  const at = { planes, wanted: wanted.nets, inUse, rails: seen.rails ?? false, mayShrink };
  for (const host of [...new Set([...hosts.keys(), ...rows.keys()])].sort(compareNames)) {
    const found = hostPlaces(hosts.get(host), rows.get(host) ?? [], at);
    if (found.length > 0) places.set(host, found);
  }
  const fill = blocks.hostBlock === 0 ? oneHostPerPlane : indexedHosts;
  const filled = fill({ blocks, planes, places, rows, inUse, claims: rebuilt.hostIndexes });
  return {
    ...filled,
    planes: planes.list,
    vlans: vlanTexts(blocks, planes.list),
    listed: listedNets(planes, nets, { named: named || !mayShrink, hosts }),
    wanted: nets,
    stored: stored.rows,
    faults: [...wanted.faults, ...planes.faults, ...filled.faults],
    notes: [...notes, ...read.bad, ...wanted.notes, ...rebuilt.notes, ...filled.notes],
  };
}

interface Fill {
  readonly blocks: Blocks;
  readonly planes: Planes;
  readonly places: ReadonlyMap<string, readonly Place[]>;
  readonly rows: ReadonlyMap<string, readonly Row[]>;
  readonly inUse: ReadonlyMap<string, InUse>;
  readonly claims: ReadonlyMap<string, number>;
}

interface Filled {
  readonly rows: Row[];
  readonly faults: Fault[];
  readonly notes: string[];
}

function indexedHosts(seen: Fill): Filled {
  const { blocks, planes, places } = seen;
  const { indexes, faults } = numberHosts({
    ...seen,
    planes: planes.list,
    reserved: reservedIndexes(seen),
  });
  const write = rowWriter(blocks, planes.list);
  for (const [host, list] of places) {
    const index = indexes.get(host);
    if (index !== undefined) for (const place of list) write.row(host, index, place);
  }
  return { rows: write.rows, faults: [...faults, ...write.faults], notes: write.notes };
}

/** hostBlock 0: a plane is not cut, so it has one podCIDR and room for one host. */
function oneHostPerPlane(seen: Fill): Filled {
  const { blocks, planes, places, inUse } = seen;
  const write = rowWriter(blocks, planes.list);
  const claims = new Map<string, { host: string; place: Place }[]>();
  for (const [host, list] of places) {
    for (const place of list) {
      const key = `${place.plane.index}/${place.family}`;
      const claim = { host, place };
      const others = claims.get(key);
      if (others) others.push(claim);
      else claims.set(key, [claim]);
    }
  }
  const faults: Fault[] = [];
  for (const list of claims.values()) {
    const [only] = list;
    if (list.length === 1 && only) {
      write.row(only.host, 0, only.place);
      continue;
    }
    const used = list.find(
      ({ place: { stored } }) => stored && inUse.has(useKey(stored.host, stored.podCIDR)),
    );
    const holder = used ?? list.find(({ place }) => place.stored);
    if (holder) write.row(holder.host, 0, holder.place);
    faults.push(doubleClaim(blocks, list, holder?.host));
  }
  return { rows: write.rows, faults: [...faults, ...write.faults], notes: write.notes };
}

function doubleClaim(
  blocks: Blocks,
  list: readonly { readonly host: string; readonly place: Place }[],
  holder: string | undefined,
): Fault {
  const place = list[0]?.place;
  const net = place?.plane.nets[place.family] ?? "";
  const names = list.map((claim) => claim.host);
  const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
  const who = `${names.slice(0, 5).join(", ")}${more}`;
  const stays = holder === undefined ? "none of them gets it" : `it stays with ${holder}`;
  const way =
    blocks.subnets.length > 0
      ? "hostBlock 0 leaves a plane one podCIDR: give as many bits as number the hosts"
      : "with hostBlock 0 a net address is the podCIDR of one host: give a hostBlock, or each host a net of its own";
  return {
    path: networkPaths.hostBlock,
    problem: `${net} is claimed by ${who}: ${stays}; ${way}`,
  };
}

/** Gives the host indexes of podCIDRs that are in use although no row of their host says so. */
function reservedIndexes(seen: Fill): { host: string; index: number }[] {
  if (seen.inUse.size === 0) return [];
  const held = new Set<string>();
  for (const list of seen.rows.values()) {
    for (const row of list) held.add(useKey(row.host, row.podCIDR));
  }
  const out: { host: string; index: number }[] = [];
  let vlans: Prefix[] | undefined;
  for (const { host, podCIDR } of seen.inUse.values()) {
    if (held.has(useKey(host, podCIDR))) continue;
    const pod = parsePrefix(podCIDR);
    if (!pod) continue;
    vlans ??= [...vlansOf({ blocks: seen.blocks, planes: seen.planes.list }).values()];
    for (const vlan of vlans) {
      const at = decodePod(seen.blocks, pod, vlan);
      if (!at) continue;
      out.push({ host, index: at.host });
      break;
    }
  }
  return out;
}

function vlanTexts(blocks: Blocks, planes: readonly Plane[]): Map<string, string> {
  const texts = [...vlansOf({ blocks, planes })].map(
    ([key, vlan]) => [key, formatPrefix(vlan)] as const,
  );
  return new Map(texts);
}

function rowWriter(blocks: Blocks, planes: readonly Plane[]) {
  const vlans = vlansOf({ blocks, planes });
  const texts = vlanTexts(blocks, planes);
  const rows: Row[] = [];
  const faults: Fault[] = [];
  const notes: string[] = [];
  const tooSmall = new Set<string>();
  const row = (host: string, hostIndex: number, place: Place): void => {
    const { plane, family, interfaceName, hostIP } = place;
    const net = plane.nets[family];
    const vlan = vlans.get(`${plane.index}/${family}`);
    const vlanCIDR = texts.get(`${plane.index}/${family}`);
    if (net === undefined || !vlan || vlanCIDR === undefined) return;
    const pod = podBlock(blocks, vlan, hostIndex);
    if (!pod) {
      if (!tooSmall.has(vlanCIDR)) {
        const problem = `${blocks.hostBlock} bits do not fit: ${vlanCIDR} is too small to be cut and hold pods`;
        faults.push({ path: networkPaths.hostBlock, problem });
      }
      tooSmall.add(vlanCIDR);
      return;
    }
    if (covers(blocks.excluded, pod)) {
      notes.push(`${host} has no podCIDR on ${net}: ${formatPrefix(pod)} is excluded`);
      return;
    }
    rows.push({
      host,
      hostIndex,
      planeIndex: plane.index,
      family,
      net,
      vlanCIDR,
      podCIDR: formatPrefix(pod),
      interfaceName,
      hostIP,
    });
  };
  return { rows, faults, notes, row };
}

/** Leaves out rows of hosts that are gone; their planes stay listed, so that a named plane keeps its index. */
function aliveOnly(stored: Stored, liveNodes: ReadonlySet<string> | undefined): Stored {
  if (!liveNodes) return stored;
  const rows: Row[] = [];
  const empty = new Map<string, { net: string; planeIndex: number }>();
  for (const at of stored.empty) empty.set(`${at.planeIndex} ${at.net}`, at);
  for (const row of stored.rows) {
    if (liveNodes.has(row.host)) rows.push(row);
    else empty.set(`${row.planeIndex} ${row.net}`, { net: row.net, planeIndex: row.planeIndex });
  }
  return { rows, empty: [...empty.values()] };
}

function listedNets(
  planes: Planes,
  nets: readonly string[],
  at: {
    named: boolean;
    hosts: ReadonlyMap<string, { nics: readonly { nets: readonly { net: string }[] }[] }>;
  },
): Set<string> {
  const out = new Set<string>();
  if (at.named) for (const net of nets) out.add(net);
  else {
    for (const host of at.hosts.values()) {
      for (const nic of host.nics) for (const { net } of nic.nets) out.add(net);
    }
  }
  for (const net of out) if (!planes.byNet.has(net)) out.delete(net);
  return out;
}
