import { expect, test } from "bun:test";
import { busiestStat, ratesBetween, ratesMoved } from "../../../src/lib/plan/nic-rates.ts";

const reading = (at: number, tx: bigint, rx: bigint, txDropped = 0n, rxDropped = 0n) => ({
  at,
  txBytes: tx,
  rxBytes: rx,
  txDropped,
  rxDropped,
});

test("ratesBetween gives bits and packets in a second", () => {
  expect(
    ratesBetween(reading(1000, 0n, 5n, 3n, 0n), reading(61_000, 7_500_000_000n, 65n, 63n, 600n)),
  ).toEqual({ txBps: 1_000_000_000, rxBps: 8, txDropPps: 1, rxDropPps: 10 });
});

test("ratesBetween knows nothing when a counter went back or no time passed", () => {
  expect(ratesBetween(reading(0, 9n, 9n), reading(1000, 8n, 10n))).toBeUndefined();
  expect(ratesBetween(reading(0, 0n, 0n, 5n), reading(1000, 1n, 1n, 4n))).toBeUndefined();
  expect(ratesBetween(reading(5, 0n, 0n), reading(5, 1n, 1n))).toBeUndefined();
});

test("ratesMoved wants a tenth and at least a megabit or a packet", () => {
  const rates = { txBps: 1e9, rxBps: 0, txDropPps: 0, rxDropPps: 0 };
  expect(ratesMoved(undefined, rates)).toBe(true);
  expect(ratesMoved(rates, { ...rates, txBps: 1.05e9 })).toBe(false);
  expect(ratesMoved(rates, { ...rates, txBps: 0.9e9 })).toBe(true);
  expect(ratesMoved(rates, { ...rates, rxBps: 999_999 })).toBe(false);
  expect(ratesMoved(rates, { ...rates, rxDropPps: 1 })).toBe(true);
});

test("busiestStat shows the NIC with most traffic, its counters and pod interfaces; nothing before a measurement", () => {
  const rates = (txBps: number, rxBps: number) => ({ txBps, rxBps, txDropPps: 1, rxDropPps: 2 });
  const counters = { at: 0, txBytes: 10n, rxBytes: 20n, txDropped: 3n, rxDropped: 4n };
  const of = {
    counters: new Map(["eth1", "eth2", "eth3"].map((name) => [name, counters])),
    links: new Map([["eth2", 7]]),
    wall: 1_700_000_000_999,
  };
  const measured = new Map([
    ["eth3", rates(0, 9)],
    ["eth2", rates(9, 0)],
    ["eth1", rates(5, 5)],
  ]);
  expect(busiestStat({ ...of, rates: measured })).toEqual({
    interfaceName: "eth2",
    txRate: 9,
    rxRate: 0,
    txDropRate: 1,
    rxDropRate: 2,
    lastTx: 10,
    lastRx: 20,
    lastTxDrop: 3,
    lastRxDrop: 4,
    lastTimestamp: 1_700_000_000,
    count: 7,
  });
  expect(busiestStat({ ...of, rates: new Map() })).toBeUndefined();
});
