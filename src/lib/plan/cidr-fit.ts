import { bits, formatPrefix } from "../ip.ts";
import { type BlockPaths, bitsFor, minPodBits, parseBlocks, skippedPlanes } from "./cidr-blocks.ts";
import { capacityOf, firstIndexes } from "./cidr-capacity.ts";

/** What a network must hold; undefined = not asked for. */
export interface Demand {
  readonly planes: number | undefined;
  readonly hosts: number | undefined;
  readonly podsPerHostInterface: number | undefined;
}

export interface FitSeen {
  readonly subnet: string;
  readonly excludeCIDRs: readonly string[];
  /** Blocks that are given; the others are looked for. */
  readonly interfaceBlock: number | undefined;
  readonly hostBlock: number | undefined;
  readonly demand: Demand;
}

/**
 * Finds the blocks that fit best: the fewest bits that number the planes, then the fewest that number the hosts, so that
 * all the rest is left to pods; where only the pods are asked for, hosts get every bit that those do not need.
 * Answers with the blocks, or with the reason why none fit and what would.
 */
export function fitBlocks(
  seen: FitSeen,
  paths: BlockPaths,
): { interfaceBlock: number; hostBlock: number } | { reason: string } {
  const bare = { subnet: seen.subnet, excludeCIDRs: seen.excludeCIDRs };
  const { blocks: whole } = parseBlocks({ ...bare, interfaceBlock: 0, hostBlock: 0 }, paths);
  if (!whole) return { reason: `${seen.subnet} is too small to hold pods` };
  const room = Math.min(...whole.subnets.map((s) => bits(s.family) - s.length)) - minPodBits;
  const { demand } = seen;
  const planes = demand.planes ?? 1;
  const fewestPlaneBits = seen.interfaceBlock ?? bitsFor(planes);
  for (let interfaceBlock = fewestPlaneBits; interfaceBlock <= room; interfaceBlock++) {
    if (seen.interfaceBlock !== undefined && interfaceBlock > seen.interfaceBlock) break;
    let best: { interfaceBlock: number; hostBlock: number } | undefined;
    const from = seen.hostBlock ?? (demand.hosts === undefined ? 0 : bitsFor(demand.hosts));
    for (let hostBlock = from; hostBlock <= room - interfaceBlock; hostBlock++) {
      if (seen.hostBlock !== undefined && hostBlock > seen.hostBlock) break;
      const { blocks } = parseBlocks({ ...bare, interfaceBlock, hostBlock }, paths);
      if (!blocks) continue;
      const limit = 1n << BigInt(interfaceBlock);
      const indexes = firstIndexes(limit, skippedPlanes(blocks), planes);
      if (indexes.length < planes) break;
      const capacity = capacityOf(blocks, indexes);
      if (capacity.podsPerHostInterface < BigInt(demand.podsPerHostInterface ?? 1)) break;
      if (capacity.hosts < BigInt(demand.hosts ?? 1)) continue;
      best = { interfaceBlock, hostBlock };
      if (demand.hosts !== undefined) return best;
    }
    if (best) return best;
  }
  return { reason: whyNot(seen, whole.subnets.map(formatPrefix).join(","), room + minPodBits) };
}

function whyNot(seen: FitSeen, subnet: string, free: number): string {
  const { demand } = seen;
  const planes = seen.interfaceBlock ?? bitsFor(demand.planes ?? 1);
  const hosts = seen.hostBlock ?? bitsFor(demand.hosts ?? 1);
  const pods = Math.max(minPodBits, bitsFor((demand.podsPerHostInterface ?? 1) + 2));
  const sum = planes + hosts + pods;
  const parts = `${demand.planes ?? 1} planes take ${planes} bits, ${demand.hosts ?? 1} hosts ${hosts}, ${demand.podsPerHostInterface ?? 1} pods ${pods} (first and last address are never handed out)`;
  if (sum > free) {
    const longer = sum - free;
    const lengths = subnet.split(",").map((text) => Number(text.split("/")[1]) - longer);
    const would = lengths.every((length) => length >= 0)
      ? `; ${lengths.map((length) => `/${length}`).join(" and ")} would fit`
      : "";
    return `no blocks fit ${subnet}, which has ${free} bits: ${parts}, ${sum} in all${would}`;
  }
  return `no blocks fit ${subnet} around the exclusions: ${parts}, ${sum} of ${free} bits; exclude less or take a larger subnet`;
}
