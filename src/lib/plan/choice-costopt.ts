import type { NicLoad } from "./choice-nicload.ts";

/** How many sets are looked at before a set that is good enough is taken instead of the best one. */
const mostSets = 50_000;

/**
 * Chooses the cheapest NICs that carry `target` kbit/s: the fewest; of these the slowest; of these the ones with least to
 * spare, so that what is left stays in one piece; then in order. Returns positions in ascending order; undefined when `most`
 * NICs do not carry it. With more sets than 50,000 the number is still the fewest, the set only good.
 */
export function cheapestSet(
  loads: readonly NicLoad[],
  { target, most }: { target: number; most: number },
): number[] | undefined {
  const freest = loads
    .map((_, i) => i)
    .sort((a, b) => freeOf(loads, b) - freeOf(loads, a) || a - b);
  const top: number[] = [];
  let free = 0;
  for (const i of freest) {
    if (top.length > 0 && free >= target) break;
    if (top.length === most) return undefined;
    top.push(i);
    free += freeOf(loads, i);
  }
  if (top.length === 0 || free < target) return undefined;
  return countSets(loads.length, top.length) <= mostSets
    ? bestSet(loads, { target, count: top.length })
    : improvedSet(loads, top, target);
}

/** Looks at every set of `count` NICs. */
function bestSet(
  loads: readonly NicLoad[],
  { target, count }: { target: number; count: number },
): number[] | undefined {
  let best: { set: number[]; cost: number; free: number } | undefined;
  const set: number[] = [];
  const visit = (from: number, cost: number, free: number) => {
    if (set.length === count) {
      if (free < target) return;
      // Sets come in order: an equal one that comes later is not better.
      if (!best || cost < best.cost || (cost === best.cost && free < best.free)) {
        best = { set: [...set], cost, free };
      }
      return;
    }
    for (let i = from; i <= loads.length - (count - set.length); i++) {
      set.push(i);
      visit(i + 1, cost + (loads[i]?.capacity ?? 0), free + freeOf(loads, i));
      set.pop();
    }
  };
  visit(0, 0, 0);
  return best?.set;
}

/** Swaps one NIC at a time for a cheaper one while the target is still met. */
function improvedSet(loads: readonly NicLoad[], from: readonly number[], target: number): number[] {
  const set = [...from];
  const cheaper = (a: number, b: number) =>
    (loads[a]?.capacity ?? 0) - (loads[b]?.capacity ?? 0) ||
    freeOf(loads, a) - freeOf(loads, b) ||
    a - b;
  const order = loads.map((_, i) => i).sort(cheaper);
  let free = set.reduce((sum, i) => sum + freeOf(loads, i), 0);
  for (let at = set.length - 1; at >= 0; at--) {
    const old = set[at] ?? 0;
    const rest = free - freeOf(loads, old);
    const better = order.find(
      (i) => !set.includes(i) && cheaper(i, old) < 0 && rest + freeOf(loads, i) >= target,
    );
    if (better === undefined) continue;
    set[at] = better;
    free = rest + freeOf(loads, better);
  }
  return set.sort((a, b) => a - b);
}

function freeOf(loads: readonly NicLoad[], i: number): number {
  return loads[i]?.free ?? 0;
}

function countSets(n: number, k: number): number {
  let sets = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) {
    sets = (sets * (n - i + 1)) / i;
    if (sets > mostSets) return sets;
  }
  return sets;
}
