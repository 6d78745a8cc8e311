import type { ConfigSpec } from "../api/kinds.ts";

/** How soon to look again, in milliseconds. */
export interface Pace {
  /** After a failure. */
  readonly urgentMs: number;
  /** At what waits for others. */
  readonly normalMs: number;
  /** At what is in order. */
  readonly longMs: number;
  /** Longest time of one call to the API server, its retries included. */
  readonly contextMs: number;
}

/** Timers fire at once when asked to wait longer than 2^31 ms: a day is long enough for anything here. */
const longestMs = 24 * 60 * 60_000;

/** Reads the pace from Config, each at most a day; what is absent or not positive is as in v1.3: 5 s, 1 min, 10 min, 2 min. */
export function paceOf(spec: ConfigSpec | undefined): Pace {
  const ms = (value: number | undefined, fallback: number, unitMs: number) =>
    Math.min(longestMs, (value !== undefined && value > 0 ? value : fallback) * unitMs);
  return {
    urgentMs: ms(spec?.urgentReconcileSeconds, 5, 1000),
    normalMs: ms(spec?.normalReconcileMinutes, 1, 60_000),
    longMs: ms(spec?.longReconcileMinutes, 10, 60_000),
    contextMs: ms(spec?.contextTimeoutMinutes, 2, 60_000),
  };
}
