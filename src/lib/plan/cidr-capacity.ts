import type { Prefix } from "../ip.ts";
import { subPrefix } from "../ip.ts";
import {
  type Blocks,
  hostLimit,
  lastUsableIndex,
  planeLimit,
  podBlock,
  skippedHosts,
  skippedPlanes,
} from "./cidr-blocks.ts";
import { countIndexes, coveredIndexes, type IndexRange, mergeRanges } from "./cidr-spans.ts";

/** How much a network's blocks can number. */
export interface Capacity {
  readonly interfaces: bigint;
  readonly hosts: bigint;
  readonly podsPerHostInterface: bigint;
}

/** Counts planes, hosts, and pods per host and NIC; `planes` (their indexes) narrows the hosts that exclusions cost to those planes. */
export function capacityOf(blocks: Blocks, planes?: readonly bigint[]): Capacity {
  const skipped = planes ? skippedOn(blocks, planes) : skippedAnywhere(blocks);
  const pods = blocks.subnets.map((subnet) => {
    const vlan = subPrefix(subnet, subnet.length + blocks.interfaceBlock, 0);
    const pod = podBlock(blocks, vlan, 0);
    return pod ? lastUsableIndex(pod) : 0;
  });
  return {
    interfaces: (planeLimit(blocks) ?? 0n) - countIndexes(skippedPlanes(blocks)),
    hosts: hostLimit(blocks) - countIndexes(skipped),
    podsPerHostInterface: BigInt(Math.min(...pods)),
  };
}

/** Gives the first `count` indexes below `limit` that are not skipped. */
export function firstIndexes(
  limit: bigint,
  skipped: readonly IndexRange[],
  count: number,
): bigint[] {
  const out: bigint[] = [];
  let at = 0n;
  for (const range of [...skipped, { from: limit, to: limit }]) {
    for (; at < range.from && out.length < count; at++) out.push(at);
    at = range.to + 1n;
  }
  return out;
}

/** Returns the vlanCIDRs of a plane index, one per family of the subnet. */
export function vlansAt(blocks: Blocks, index: bigint): Prefix[] {
  return blocks.subnets.map((s) => subPrefix(s, s.length + blocks.interfaceBlock, index));
}

/** Returns the host indexes that are skipped on these planes. */
export function skippedOn(blocks: Blocks, planes: readonly bigint[]): IndexRange[] {
  return skippedHosts(
    blocks,
    planes.flatMap((plane) => vlansAt(blocks, plane)),
  );
}

/**
 * Returns the host indexes that are skipped on any plane. Only a plane which an exclusion covers in part can lose some
 * hosts and not all, and that is at most the two at the ends of each span: so not every plane is looked at.
 */
function skippedAnywhere(blocks: Blocks): IndexRange[] {
  const gone = skippedPlanes(blocks);
  const planes = new Set<bigint>();
  for (const subnet of blocks.subnets) {
    const length = subnet.length + blocks.interfaceBlock;
    const block = subPrefix(subnet, length, 1).base - subnet.base;
    const count = planeLimit(blocks) ?? 0n;
    for (const span of blocks.excluded) {
      if (span.family !== subnet.family) continue;
      for (const end of [span.from, span.to]) {
        const plane = (end - subnet.base) / block;
        const inside = end >= subnet.base && plane < count;
        if (inside && !gone.some((g) => g.from <= plane && plane <= g.to)) planes.add(plane);
      }
    }
  }
  const ranges = [...planes].flatMap((plane) =>
    vlansAt(blocks, plane).flatMap((vlan) =>
      coveredIndexes(blocks.excluded, vlan, vlan.length + blocks.hostBlock),
    ),
  );
  return mergeRanges(ranges);
}
