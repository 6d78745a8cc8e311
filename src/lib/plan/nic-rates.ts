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

/** `HostInterface.status.stat`, which has room for one NIC: rates in bit/s and packets/s, counters as the kernel has them. */
export interface NicStat {
  readonly interfaceName: string;
  readonly txRate: number;
  readonly rxRate: number;
  readonly txDropRate: number;
  readonly rxDropRate: number;
  readonly lastTx: number;
  readonly lastRx: number;
  readonly lastTxDrop: number;
  readonly lastRxDrop: number;
  /** Seconds since 1970. */
  readonly lastTimestamp: number;
  /** Pod interfaces that hang off the NIC. */
  readonly count: number;
}

/** Makes the stat of the busiest NIC, the first by name of two alike; undefined before anything was measured. */
export function busiestStat(of: {
  readonly rates: ReadonlyMap<string, Rates>;
  readonly counters: ReadonlyMap<string, Counters>;
  /** Pod interfaces by NIC. */
  readonly links: ReadonlyMap<string, number>;
  /** Milliseconds since 1970. */
  readonly wall: number;
}): NicStat | undefined {
  const busy = ({ txBps, rxBps }: Rates) => Math.max(txBps, rxBps);
  const [first] = [...of.rates].sort(
    ([a, x], [b, y]) => busy(y) - busy(x) || (a < b ? -1 : a > b ? 1 : 0),
  );
  const counters = first && of.counters.get(first[0]);
  if (!first || !counters) return undefined;
  const [interfaceName, rates] = first;
  return {
    interfaceName,
    txRate: rates.txBps,
    rxRate: rates.rxBps,
    txDropRate: rates.txDropPps,
    rxDropRate: rates.rxDropPps,
    lastTx: Number(counters.txBytes),
    lastRx: Number(counters.rxBytes),
    lastTxDrop: Number(counters.txDropped),
    lastRxDrop: Number(counters.rxDropped),
    lastTimestamp: Math.floor(of.wall / 1000),
    count: of.links.get(interfaceName) ?? 0,
  };
}
