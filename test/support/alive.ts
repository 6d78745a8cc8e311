import { fullGC, heapStats } from "bun:jsc";

/** Counts what is alive in the JavaScript heap, by type of object (`Timeout`, `AbortSignal`, `Object`). */
export function alive(): Readonly<Record<string, number>> {
  // What the first one finds dead may have held something by a finalizer.
  fullGC();
  fullGC();
  return heapStats().objectTypeCounts;
}

/** Returns of what there is more than before, by more than `slack`: `Timeout: 12 → 512`. */
export function grown(
  types: readonly string[],
  before: Readonly<Record<string, number>>,
  { slack }: { slack: number },
): string[] {
  const after = alive();
  return types.flatMap((type) => {
    const [was, is] = [before[type] ?? 0, after[type] ?? 0];
    return is > was + slack ? [`${type}: ${was} → ${is}`] : [];
  });
}
