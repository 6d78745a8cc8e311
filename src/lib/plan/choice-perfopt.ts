import type { NicLoad } from "./choice-nicload.ts";

/**
 * Chooses the `count` NICs with most free bandwidth, the freest first; of two alike the one that is less in use, then the
 * faster, then in order. Returns positions.
 */
export function freestSet(loads: readonly NicLoad[], count: number): number[] {
  const used = ({ measured, promised }: NicLoad) => Math.max(measured, promised);
  return [...loads.entries()]
    .sort(
      ([i, a], [j, b]) => b.free - a.free || used(a) - used(b) || b.capacity - a.capacity || i - j,
    )
    .slice(0, count)
    .map(([i]) => i);
}
