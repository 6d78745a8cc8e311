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

/** Reads the pace from Config; what is absent or not positive is as in v1.3: 5 s, 1 min, 10 min, 2 min. */
export function paceOf(spec: ConfigSpec | undefined): Pace {
  const positive = (value: number | undefined, fallback: number) =>
    value !== undefined && value > 0 ? value : fallback;
  return {
    urgentMs: positive(spec?.urgentReconcileSeconds, 5) * 1000,
    normalMs: positive(spec?.normalReconcileMinutes, 1) * 60_000,
    longMs: positive(spec?.longReconcileMinutes, 10) * 60_000,
    contextMs: positive(spec?.contextTimeoutMinutes, 2) * 60_000,
  };
}
