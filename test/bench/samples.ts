/** Numbers of one measurement, in the order in which they were taken. */
export type Samples = readonly number[];

/** Returns the value below which `share` (0 to 1) of the numbers lie. */
export function percentile(list: Samples, share: number): number {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Returns the middle value, the mean of the two in the middle of an even number. */
export function median(list: Samples): number {
  const sorted = [...list].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}
