import type { Fault } from "../errors.ts";
import type { Family } from "../ip.ts";
import {
  type Blocks,
  bitsFor,
  familiesOf,
  networkPaths,
  planeLimit,
  skippedPlanes,
} from "./cidr-blocks.ts";
import { claimIndex, indexSpace, isSkipped, takeIndex } from "./cidr-indexes.ts";
import { overlappingNets } from "./cidr-overlap.ts";
import type { Stored } from "./cidr-rows.ts";
import { type HostNics, nicsOn } from "./hostnics.ts";

/** One plane: one interfaceIndex, and a net address per family. */
export interface Plane {
  readonly index: number;
  readonly nets: Readonly<Partial<Record<Family, string>>>;
  /** Its index in the CIDR objects, where its rows carry it; undefined for a new plane. */
  readonly stored: number | undefined;
}

export interface Planes {
  /** By interfaceIndex. */
  readonly list: readonly Plane[];
  /** By interfaceIndex; several only on a net with rails. */
  readonly byNet: ReadonlyMap<string, readonly Plane[]>;
  readonly faults: readonly Fault[];
}

export interface PlanesSeen {
  readonly blocks: Blocks;
  /** Nets in planning order (wanted.ts). */
  readonly wanted: ReadonlyMap<string, Family>;
  /** True when the user named the nets, whose order then pairs families. */
  readonly named: boolean;
  readonly rails: boolean;
  readonly stored: Stored;
  readonly hosts: ReadonlyMap<string, HostNics>;
  /** Plane indexes that pods use and whose net is not known. */
  readonly reserved: ReadonlySet<number>;
}

interface Draft {
  index: number | undefined;
  nets: Partial<Record<Family, string>>;
  stored: number | undefined;
}

/**
 * Says which planes a network has and numbers the new ones: highest index in use + 1, else the lowest free one.
 * The two families of a plane are found by a NIC that has both; where no host shows it yet, a v4 net and the v6 net
 * written right after it in masterNets are taken for one plane.
 */
export function formPlanes(seen: PlanesSeen): Planes {
  const faults: Fault[] = [];
  const { wanted } = seen;
  const dual = familiesOf(seen.blocks).length > 1;
  const mates = dual ? findMates(seen, [...wanted.keys()]) : new Map<string, string>();
  const drafts = draftStored(seen.stored, wanted);
  const byNet = new Map<string, Draft[]>();
  const enter = (draft: Draft) => {
    for (const net of Object.values(draft.nets)) byNet.set(net, [...(byNet.get(net) ?? []), draft]);
  };
  for (const draft of drafts) enter(draft);
  for (const [net, family] of wanted) {
    for (let rail = 0; rail < railsOf(seen, net, faults); rail++) {
      if (byNet.get(net)?.[rail]) continue;
      const mate = mates.get(net);
      const other = mate === undefined ? undefined : byNet.get(mate)?.[rail];
      if (other && other.nets[family] === undefined) {
        other.nets[family] = net;
        byNet.set(net, [...(byNet.get(net) ?? []), other]);
        continue;
      }
      const draft: Draft = { index: undefined, nets: { [family]: net }, stored: undefined };
      drafts.push(draft);
      enter(draft);
    }
  }
  if (seen.blocks.subnets.length === 0) dropOverlapping(drafts, faults);
  number(drafts, seen, faults);
  return finish(drafts, faults);
}

/** Pairs the nets of a NIC with both families, both ways. The first pair of a net counts. */
function findMates(seen: PlanesSeen, wanted: readonly string[]): Map<string, string> {
  const mates = new Map<string, string>();
  const pair = (a: string, b: string) => {
    if (mates.has(a) || mates.has(b)) return;
    mates.set(a, b);
    mates.set(b, a);
  };
  const known = new Set(wanted);
  for (const host of seen.hosts.values()) {
    for (const nic of host.nics) {
      const v4 = nic.nets.find((n) => n.family === 4 && known.has(n.net));
      const v6 = nic.nets.find((n) => n.family === 6 && known.has(n.net));
      if (v4 && v6) pair(v4.net, v6.net);
    }
  }
  if (seen.named) {
    for (const [i, net] of wanted.entries()) {
      const next = wanted[i + 1];
      if (next?.includes(":") && !net.includes(":")) pair(net, next);
    }
  }
  return mates;
}

/** Makes a plane of each index that rows carry, and of each listed net without hosts that is still wanted. */
function draftStored(stored: Stored, wanted: ReadonlyMap<string, Family>): Draft[] {
  const byIndex = new Map<number, Draft>();
  const nets = new Set<string>();
  for (const row of stored.rows) {
    const draft = byIndex.get(row.planeIndex) ?? {
      index: row.planeIndex,
      nets: {},
      stored: row.planeIndex,
    };
    byIndex.set(row.planeIndex, draft);
    if (draft.nets[row.family] === undefined) {
      draft.nets[row.family] = row.net;
      nets.add(row.net);
    }
  }
  const hosted = new Set(byIndex.keys());
  for (const { net, planeIndex } of stored.empty) {
    const family = wanted.get(net);
    if (family === undefined || nets.has(net) || hosted.has(planeIndex)) continue;
    const draft = byIndex.get(planeIndex) ?? { index: planeIndex, nets: {}, stored: undefined };
    byIndex.set(planeIndex, draft);
    if (draft.nets[family] === undefined) {
      draft.nets[family] = net;
      nets.add(net);
    }
  }
  return [...byIndex.values()].sort((a, b) => (a.index ?? 0) - (b.index ?? 0));
}

/** Returns how many planes a net makes: one, or with rails as many as a host has NICs on it. */
function railsOf(seen: PlanesSeen, net: string, faults: Fault[]): number {
  if (!seen.rails) return 1;
  let most = 1;
  for (const host of seen.hosts.values()) most = Math.max(most, nicsOn(host, net).length);
  if (most === 1 || seen.blocks.subnets.length > 0) return most;
  if (!faults.some((f) => f.path === "spec.rails")) {
    faults.push({
      path: "spec.rails",
      problem: `${net} has ${most} NICs of one host and cannot be cut for each of them: rails need a subnet`,
    });
  }
  return 1;
}

/** Without a subnet pods take addresses of the nets themselves, so two nets must not share any. Stored ones stay. */
function dropOverlapping(drafts: Draft[], faults: Fault[]): void {
  const stored: string[] = [];
  const fresh: string[] = [];
  for (const draft of drafts) {
    for (const net of Object.values(draft.nets)) {
      (draft.stored === undefined ? fresh : stored).push(net);
    }
  }
  for (const [kept, dropped] of overlappingNets([...new Set([...stored, ...fresh])])) {
    faults.push({
      path: "spec.masterNets",
      problem: `${dropped} overlaps ${kept}, and without a subnet pods take their addresses from both: ${dropped} is left out`,
    });
    for (const draft of drafts) {
      if (draft.nets[4] === dropped) delete draft.nets[4];
      if (draft.nets[6] === dropped) delete draft.nets[6];
    }
  }
}

function number(drafts: readonly Draft[], seen: PlanesSeen, faults: Fault[]): void {
  const { blocks } = seen;
  const limit = planeLimit(blocks);
  const space = indexSpace(limit ?? BigInt(Number.MAX_SAFE_INTEGER), [], skippedPlanes(blocks));
  for (const draft of drafts) {
    if (draft.index === undefined) continue;
    if (isSkipped(space, draft.index) || !claimIndex(space, draft.index)) draft.index = undefined;
  }
  for (const index of seen.reserved) claimIndex(space, index);
  const without: Draft[] = [];
  for (const draft of drafts) {
    if (draft.index !== undefined || Object.keys(draft.nets).length === 0) continue;
    draft.index = takeIndex(space);
    if (draft.index === undefined) without.push(draft);
  }
  if (without.length === 0) return;
  const names = without.map((draft) => draft.nets[4] ?? draft.nets[6] ?? "");
  const planes = drafts.filter((draft) => Object.keys(draft.nets).length > 0).length;
  faults.push({
    path: networkPaths.interfaceBlock,
    problem: `${blocks.interfaceBlock} bits number ${limit} planes less the excluded and reserved ones, and there are ${planes}: none left for ${names.slice(0, 5).join(", ")}; ${Math.max(bitsFor(planes), blocks.interfaceBlock + 1)} bits would fit`,
  });
}

function finish(drafts: readonly Draft[], faults: readonly Fault[]): Planes {
  const list: Plane[] = [];
  for (const { index, nets, stored } of drafts) {
    if (index !== undefined && Object.keys(nets).length > 0) list.push({ index, nets, stored });
  }
  list.sort((a, b) => a.index - b.index);
  const byNet = new Map<string, Plane[]>();
  for (const plane of list) {
    for (const net of Object.values(plane.nets)) {
      const planes = byNet.get(net);
      if (planes) planes.push(plane);
      else byNet.set(net, [plane]);
    }
  }
  return { list, byNet, faults };
}
