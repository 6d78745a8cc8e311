import { bits, type Family, first, last, type Prefix, size } from "../ip.ts";

/** A run of addresses of one family, both ends included. */
export interface Span {
  readonly family: Family;
  readonly from: bigint;
  readonly to: bigint;
}

/** A run of block indexes, both ends included. */
export interface IndexRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** Merges prefixes into disjoint spans, sorted, neighbours joined: a block may be covered by several exclusions together. */
export function mergeSpans(prefixes: readonly Prefix[]): Span[] {
  const spans = prefixes.map((prefix) => ({
    family: prefix.family,
    from: first(prefix).value,
    to: last(prefix).value,
  }));
  spans.sort((a, b) => a.family - b.family || (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const out: Span[] = [];
  for (const span of spans) {
    const top = out.at(-1);
    if (!top || top.family !== span.family || span.from > top.to + 1n) out.push(span);
    else if (span.to > top.to) out[out.length - 1] = { ...top, to: span.to };
  }
  return out;
}

/** Tells whether the spans cover every address of a prefix. */
export function covers(spans: readonly Span[], prefix: Prefix): boolean {
  if (spans.length === 0) return false;
  const from = first(prefix).value;
  const to = last(prefix).value;
  return spans.some((s) => s.family === prefix.family && s.from <= from && to <= s.to);
}

/** Returns which blocks of `length` bits inside a prefix the spans cover whole, as runs of indexes. */
export function coveredIndexes(
  spans: readonly Span[],
  prefix: Prefix,
  length: number,
): IndexRange[] {
  const block = 1n << BigInt(bits(prefix.family) - length);
  const count = size(prefix) / block;
  const out: IndexRange[] = [];
  for (const span of spans) {
    if (span.family !== prefix.family || span.to < prefix.base) continue;
    const offset = span.from - prefix.base;
    const from = offset <= 0n ? 0n : (offset + block - 1n) / block;
    const end = (span.to + 1n - prefix.base) / block;
    const to = (end < count ? end : count) - 1n;
    if (from <= to) out.push({ from, to });
  }
  return out;
}

/** Merges runs of indexes into disjoint ones, sorted. */
export function mergeRanges(ranges: readonly IndexRange[]): IndexRange[] {
  const sorted = [...ranges].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const out: IndexRange[] = [];
  for (const range of sorted) {
    const top = out.at(-1);
    if (!top || range.from > top.to + 1n) out.push(range);
    else if (range.to > top.to) out[out.length - 1] = { from: top.from, to: range.to };
  }
  return out;
}

/** Returns how many indexes disjoint runs hold. */
export function countIndexes(ranges: readonly IndexRange[]): bigint {
  return ranges.reduce((sum, range) => sum + range.to - range.from + 1n, 0n);
}
