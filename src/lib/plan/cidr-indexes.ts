import type { IndexRange } from "./cidr-spans.ts";

/** Where indexes come from: below `limit`, never one that is used or in a skipped run (disjoint, sorted). */
export interface IndexSpace {
  readonly limit: bigint;
  readonly used: Set<number>;
  readonly skipped: readonly IndexRange[];
  /** Highest used index; kept so that giving an index does not look at all of them. */
  highest: number;
}

/** Makes an index space; indexes above 2^53 are never given, they could not be written as a number. */
export function indexSpace(
  limit: bigint,
  used: Iterable<number>,
  skipped: readonly IndexRange[],
): IndexSpace {
  const set = new Set(used);
  let highest = -1;
  for (const index of set) if (index > highest) highest = index;
  const safe = BigInt(Number.MAX_SAFE_INTEGER);
  return { limit: limit < safe ? limit : safe, used: set, skipped, highest };
}

/** Takes the next index: highest in use + 1, else the lowest free one; undefined when none is left. */
export function takeIndex(space: IndexSpace): number | undefined {
  const index = free(space, BigInt(space.highest + 1)) ?? free(space, 0n);
  if (index === undefined) return undefined;
  space.used.add(index);
  if (index > space.highest) space.highest = index;
  return index;
}

/** Marks an index as used; false when it is taken or out of range. A skipped one may be claimed: see `isSkipped`. */
export function claimIndex(space: IndexSpace, index: number): boolean {
  if (BigInt(index) >= space.limit || space.used.has(index)) return false;
  space.used.add(index);
  if (index > space.highest) space.highest = index;
  return true;
}

/** Tells whether an index lies in a skipped run. */
export function isSkipped(space: IndexSpace, index: number): boolean {
  return skipFrom(space, BigInt(index)) !== BigInt(index);
}

function free(space: IndexSpace, from: bigint): number | undefined {
  let at = from;
  for (;;) {
    at = skipFrom(space, at);
    if (at >= space.limit) return undefined;
    const index = Number(at);
    if (!space.used.has(index)) return index;
    at += 1n;
  }
}

function skipFrom(space: IndexSpace, from: bigint): bigint {
  let at = from;
  for (const range of space.skipped) if (range.from <= at && at <= range.to) at = range.to + 1n;
  return at;
}
