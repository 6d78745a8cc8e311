import type { InterfaceStatus } from "../api/kinds.ts";

/** A link's counters (IFLA_STATS64) at one moment; `at` in ms of a clock that only grows. */
export interface Counters {
  readonly at: number;
  readonly txBytes: bigint;
  readonly rxBytes: bigint;
  readonly txDropped: bigint;
  readonly rxDropped: bigint;
}

/** Bits and dropped packets in a second. */
export type Rates = NonNullable<InterfaceStatus["rates"]>;

/** Returns the mean rates between two readings; undefined when a counter went back (the link was made anew) or no time passed. */
export function ratesBetween(before: Counters, after: Counters): Rates | undefined {
  const seconds = (after.at - before.at) / 1000;
  const grown = (key: Exclude<keyof Counters, "at">) => Number(after[key] - before[key]);
  const [tx, rx, txDrop, rxDrop] = [
    grown("txBytes"),
    grown("rxBytes"),
    grown("txDropped"),
    grown("rxDropped"),
  ];
  if (seconds <= 0 || tx < 0 || rx < 0 || txDrop < 0 || rxDrop < 0) return undefined;
  return {
    txBps: Math.round((tx * 8) / seconds),
    rxBps: Math.round((rx * 8) / seconds),
    txDropPps: Math.round(txDrop / seconds),
    rxDropPps: Math.round(rxDrop / seconds),
  };
}

/** Tells whether new rates are worth a write to the API: a tenth more or less, and at least 1 Mbit/s or one packet. */
export function ratesMoved(before: Rates | undefined, after: Rates): boolean {
  if (!before) return true;
  const moved = (key: keyof Rates, least: number) =>
    Math.abs(after[key] - before[key]) >= Math.max(least, before[key] / 10);
  return (
    moved("txBps", 1e6) || moved("rxBps", 1e6) || moved("txDropPps", 1) || moved("rxDropPps", 1)
  );
}
