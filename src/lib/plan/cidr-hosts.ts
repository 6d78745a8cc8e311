import type { Fault } from "../errors.ts";
import { formatPrefix, type Prefix } from "../ip.ts";
import {
  type Blocks,
  bitsFor,
  hostLimit,
  networkPaths,
  podBlock,
  skippedHosts,
  vlanBlock,
} from "./cidr-blocks.ts";
import { claimIndex, type IndexSpace, indexSpace, takeIndex } from "./cidr-indexes.ts";
import type { Place } from "./cidr-places.ts";
import type { Plane } from "./cidr-planes.ts";
import { canonicalizer, type InUse, type Row, useKey } from "./cidr-rows.ts";
import { covers } from "./cidr-spans.ts";
import { compareNames } from "./names.ts";

export interface HostsSeen {
  readonly blocks: Blocks;
  readonly planes: readonly Plane[];
  /** Places of each host that has any, in the order of host names. */
  readonly places: ReadonlyMap<string, readonly Place[]>;
  /** Rows of each host, from the CIDR objects or rebuilt. */
  readonly rows: ReadonlyMap<string, readonly Row[]>;
  /** Indexes proven in other ways, for hosts without rows. */
  readonly claims: ReadonlyMap<string, number>;
  /** Indexes that pods use beside their host's own: never given to another. */
  readonly reserved: Iterable<{ readonly host: string; readonly index: number }>;
  readonly inUse: ReadonlyMap<string, InUse>;
}

/**
 * Numbers the hosts: each keeps its index, a new one takes the highest in use + 1, else the lowest free one. A host moves
 * to another index only when its own no longer fits the blocks or its podCIDR is excluded now. Two claims on one index
 * are a fault that names both; the one whose podCIDR is in use, else the first by name, keeps it.
 */
export function numberHosts(seen: HostsSeen): {
  indexes: Map<string, number>;
  faults: Fault[];
} {
  const { blocks } = seen;
  const faults: Fault[] = [];
  const vlans = vlansOf(seen);
  const space = indexSpace(hostLimit(blocks), [], skippedHosts(blocks, [...vlans.values()]));
  const indexes = new Map<string, number>();
  const owners = new Map<number, string>();
  const refused = new Set<string>();
  for (const { host, index } of storedClaims(seen)) {
    if (BigInt(index) >= space.limit || isExcluded(host, index, seen, vlans)) continue;
    if (claimIndex(space, index)) {
      indexes.set(host, index);
      owners.set(index, host);
      continue;
    }
    const podCIDR = seen.rows.get(host)?.[0]?.podCIDR ?? `host index ${index}`;
    refused.add(host);
    faults.push({
      path: "spec.cidr",
      problem: `${podCIDR} is claimed by ${owners.get(index)} and by ${host}: it stays with ${owners.get(index)}`,
    });
  }
  for (const { host, index } of seen.reserved) {
    if (indexes.get(host) !== index) claimIndex(space, index);
  }
  const without: string[] = [];
  for (const host of seen.places.keys()) {
    if (indexes.has(host) || refused.has(host)) continue;
    const index = takeIndex(space);
    if (index === undefined) without.push(host);
    else indexes.set(host, index);
  }
  if (without.length > 0) faults.push(hostOverflow(blocks, space, without));
  return { indexes, faults };
}

/** Returns the vlanCIDR of each plane and family, keyed `<interfaceIndex>/<family>`. */
export function vlansOf(seen: {
  readonly blocks: Blocks;
  readonly planes: readonly Plane[];
}): Map<string, Prefix> {
  const canonical = canonicalizer();
  const out = new Map<string, Prefix>();
  for (const { index, nets } of seen.planes) {
    for (const text of Object.values(nets)) {
      const net = canonical(text);
      const vlan = net && vlanBlock(seen.blocks, net.prefix, index);
      if (vlan) out.set(`${index}/${vlan.family}`, vlan);
    }
  }
  return out;
}

function storedClaims(seen: HostsSeen): { host: string; index: number }[] {
  const out: { host: string; index: number; used: boolean }[] = [];
  for (const host of seen.places.keys()) {
    const rows = seen.rows.get(host) ?? [];
    const used = rows.find((row) => seen.inUse.has(useKey(host, row.podCIDR)));
    const lowest = rows.reduce<number | undefined>(
      (low, row) => (low === undefined || row.hostIndex < low ? row.hostIndex : low),
      undefined,
    );
    const index = used?.hostIndex ?? lowest ?? seen.claims.get(host);
    if (index !== undefined) out.push({ host, index, used: used !== undefined });
  }
  return out.sort(
    (a, b) => Number(b.used) - Number(a.used) || a.index - b.index || compareNames(a.host, b.host),
  );
}

/** Tells whether a podCIDR that the host holds is excluded now; new planes do not count, they are left out instead. */
function isExcluded(
  host: string,
  index: number,
  seen: HostsSeen,
  vlans: ReadonlyMap<string, Prefix>,
): boolean {
  if (seen.blocks.excluded.length === 0) return false;
  return (seen.places.get(host) ?? []).some(({ plane, family, stored }) => {
    const vlan = stored && vlans.get(`${plane.index}/${family}`);
    const pod = vlan && podBlock(seen.blocks, vlan, index);
    return pod !== undefined && covers(seen.blocks.excluded, pod);
  });
}

function hostOverflow(blocks: Blocks, space: IndexSpace, without: readonly string[]): Fault {
  const names = without.slice(0, 5).join(", ");
  const more = without.length > 5 ? ` and ${without.length - 5} more` : "";
  const wanted = space.used.size + without.length;
  const fits = Math.max(bitsFor(wanted), blocks.hostBlock + 1);
  const kept = wanted - without.length;
  const excluded = blocks.excluded.length > 0 ? ", some of them excluded" : "";
  const subnet = blocks.subnets.map(formatPrefix).join(",") || "each net";
  return {
    path: networkPaths.hostBlock,
    problem: `${blocks.hostBlock} bits number ${space.limit} hosts${excluded}; ${kept} are taken in ${subnet} and ${names}${more} found none left: ${fits} bits would fit`,
  };
}
