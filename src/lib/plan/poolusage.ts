import type { IPPoolSpec } from "../api/kinds.ts";
import { bits, parseAddress, parsePrefix, prefixOf, size } from "../ip.ts";
import { countIndexes, coveredIndexes, mergeRanges, mergeSpans } from "./cidr-spans.ts";

/** At most so many addresses of a podCIDR are used, counted from its first one. */
const window = 2n ** 16n;

/** Returns what `kubectl get ippool` shows of a pool: `used/size`, size without what is never given out. */
export function poolUsage(spec: Pick<IPPoolSpec, "podCIDR" | "excludes" | "allocations">): string {
  const prefix = parsePrefix(spec.podCIDR);
  if (prefix === undefined) return `${spec.allocations.length}/?`;
  const total = size(prefix);
  const top = total > window ? window - 1n : total - 2n;
  if (top < 1n) return `${spec.allocations.length}/0`;
  const excluded = spec.excludes.flatMap((text) => {
    const address = parseAddress(text);
    const block = address ? prefixOf(address, bits(address.family)) : parsePrefix(text);
    return block === undefined ? [] : [block];
  });
  const inside = coveredIndexes(mergeSpans(excluded), prefix, bits(prefix.family))
    .map(({ from, to }) => ({ from: from < 1n ? 1n : from, to: to > top ? top : to }))
    .filter(({ from, to }) => from <= to);
  return `${spec.allocations.length}/${top - countIndexes(mergeRanges(inside))}`;
}
