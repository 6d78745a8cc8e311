/** A measure over time: seconds since the start, and its value. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

export interface Trend {
  readonly samples: number;
  readonly mean: number;
  /** Least-squares slope, per hour. */
  readonly slope: number;
  /** Standard error of the slope, per hour, that counts samples only as far as each says something new. */
  readonly error: number;
}

/** Fits a line to the last three quarters of a run; the first quarter is warming up. */
export function trendOf(points: readonly Point[]): Trend {
  const late = lastQuarters(points, 3);
  const n = late.length;
  const mean = average(late.map((p) => p.value));
  const middle = average(late.map((p) => p.at));
  const spread = sum(late.map((p) => (p.at - middle) ** 2));
  const slope = sum(late.map((p) => (p.at - middle) * (p.value - mean))) / spread;
  const rests = late.map((p) => p.value - mean - slope * (p.at - middle));
  const error = Math.sqrt(sum(rests.map((rest) => rest ** 2)) / (n - 2) / spread);
  return { samples: n, mean, slope: slope * 3600, error: error * 3600 * sameness(rests) };
}

/**
 * How many times larger a slope's error is because neighbours are alike (a heap's saw-tooth, a measure that is taken once a
 * minute): √((1 + r) / (1 − r)) for a first-order autocorrelation of r; never less than 1.
 */
function sameness(rests: readonly number[]): number {
  const all = sum(rests.map((rest) => rest ** 2));
  if (all === 0) return 1;
  const r = sum(rests.slice(1).map((rest, i) => rest * (rests[i] ?? 0))) / all;
  return r <= 0 ? 1 : Math.sqrt((1 + r) / (1 - r));
}

/**
 * Says why a measure grows; undefined when it does not. It is flat when an hour adds less than 5 % of its mean, or when its
 * slope is less than three times the slope's standard error: then the line cannot be told from noise.
 */
export function growth(points: readonly Point[]): string | undefined {
  const { slope, error, mean } = trendOf(points);
  if (!Number.isFinite(slope)) return "there are too few samples";
  if (slope < 0.05 * mean || slope < 3 * error) return undefined;
  return `it grows by ${slope.toFixed(1)} an hour (± ${error.toFixed(1)}) at a mean of ${mean.toFixed(1)}`;
}

/** The same for a count that has no noise of its own (descriptors, threads): its last quarter's median may not be above its second's. */
export function countGrowth(points: readonly Point[]): string | undefined {
  const late = lastQuarters(points, 3);
  const third = Math.floor(late.length / 3);
  if (third === 0) return "there are too few samples";
  const before = median(late.slice(0, third));
  const after = median(late.slice(-third));
  return after > before ? `its median grew from ${before} to ${after}` : undefined;
}

/**
 * The same for a file, which never shrinks, so that its fluctuation shows as ever rarer steps: the last quarter's largest
 * size may not be more than a tenth above the second's.
 */
export function fileGrowth(points: readonly Point[]): string | undefined {
  const late = lastQuarters(points, 3).map((p) => p.value);
  const third = Math.floor(late.length / 3);
  if (third === 0) return "there are too few samples";
  const before = Math.max(...late.slice(0, third));
  const after = Math.max(...late.slice(-third));
  return after > 1.1 * before ? `it grew from ${before} to ${after}` : undefined;
}

function lastQuarters(points: readonly Point[], quarters: number): readonly Point[] {
  return points.slice(Math.floor((points.length * (4 - quarters)) / 4));
}

function median(points: readonly Point[]): number {
  const sorted = points.map((p) => p.value).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}

function average(values: readonly number[]): number {
  return sum(values) / values.length;
}
