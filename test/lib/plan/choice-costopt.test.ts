import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cheapestSet } from "../../../src/lib/plan/choice-costopt.ts";
import { loadOf, type NicLoad, sharesOf } from "../../../src/lib/plan/choice-nicload.ts";
import { freestSet } from "../../../src/lib/plan/choice-perfopt.ts";
import { type Random, random } from "../../support/random.ts";

// Seconds on a quiet machine.
setDefaultTimeout(60_000);

const nic = (speedGbps: number, usedGbps = 0): NicLoad =>
  loadOf({ speedMbps: speedGbps * 1000 }, usedGbps * 1_000_000);
const G = 1_000_000;

describe("cheapestSet", () => {
  test.each<[string, NicLoad[], number, number, number[] | undefined]>([
    ["the slowest that carries it", [nic(400), nic(100), nic(25)], 25 * G, 3, [2]],
    ["a faster one where the slowest is used", [nic(400), nic(100), nic(25, 1)], 25 * G, 3, [1]],
    ["one fast before two slow", [nic(10), nic(10), nic(100)], 20 * G, 3, [2]],
    ["the fewest that carry it together", [nic(10), nic(10), nic(10)], 20 * G, 3, [0, 1]],
    [
      "of the fewest the slowest together",
      [nic(100), nic(100), nic(25), nic(25)],
      110 * G,
      4,
      [0, 2],
    ],
    [
      "of the slowest the fullest that still fits",
      [nic(100), nic(100, 70), nic(100, 90)],
      20 * G,
      3,
      [1],
    ],
    ["the first of two alike", [nic(100), nic(100)], 1 * G, 2, [0]],
    ["nothing where nothing carries it", [nic(10), nic(10, 5)], 16 * G, 2, undefined],
    ["nothing where nics is too few", [nic(10), nic(10)], 20 * G, 1, undefined],
    ["nothing of nothing", [], 1, 1, undefined],
  ])("takes %s", (_, loads, target, most, want) => {
    expect(cheapestSet(loads, { target, most })).toEqual(want);
  });

  test("is as cheap as the best of all sets, for 10,000 seeded hosts", () => {
    const of = random(11);
    for (let run = 0; run < 10_000; run++) {
      const loads = someLoads(of, 1 + of.int(7));
      const target = 1 + of.int(500 * G);
      const most = 1 + of.int(loads.length);
      const set = cheapestSet(loads, { target, most });
      const best = bruteCheapest(loads, target, most);
      if (!Bun.deepEquals(set, best)) expect({ run, set }).toEqual({ run, set: best });
    }
  });

  test("takes no more NICs than the fewest also where there are too many sets to look at", () => {
    const of = random(12);
    for (let run = 0; run < 300; run++) {
      const loads = someLoads(of, 24 + of.int(16));
      const all = loads.map((load) => load.free).sort((a, b) => b - a);
      const count = 6 + of.int(8);
      const target = all.slice(0, count).reduce((a, b) => a + b, 0) - of.int(1000);
      const set = cheapestSet(loads, { target, most: loads.length }) ?? [];
      expect(sum(set.map((i) => loads[i]?.free ?? 0))).toBeGreaterThanOrEqual(target);
      expect(new Set(set).size).toBe(set.length);
      expect(sum(all.slice(0, set.length - 1))).toBeLessThan(target);
      expect(set).toEqual([...set].sort((a, b) => a - b));
    }
  });
});

describe("freestSet", () => {
  test.each<[string, NicLoad[], number, number[]]>([
    ["the freest first", [nic(100, 50), nic(100), nic(400, 380)], 2, [1, 0]],
    ["of two as free the less used", [nic(400, 300), nic(100)], 1, [1]],
    ["the first of two alike", [nic(100), nic(100)], 1, [0]],
    ["all where fewer are there", [nic(10), nic(25)], 5, [1, 0]],
  ])("takes %s", (_, loads, count, want) => expect(freestSet(loads, count)).toEqual(want));

  test("has as much free bandwidth as any set of its size, for 10,000 seeded hosts", () => {
    const of = random(13);
    for (let run = 0; run < 10_000; run++) {
      const loads = someLoads(of, 1 + of.int(7));
      const count = 1 + of.int(loads.length);
      const free = sum(freestSet(loads, count).map((i) => loads[i]?.free ?? 0));
      const best = Math.max(
        ...subsets(loads.length)
          .filter((set) => set.length === count)
          .map((set) => sum(set.map((i) => loads[i]?.free ?? 0))),
      );
      if (free !== best) throw new Error(JSON.stringify({ run, free, best }));
    }
  });
});

describe("sharesOf", () => {
  test("adds up to the target, no share larger than what is free, for 10,000 seeded cases", () => {
    const of = random(14);
    for (let run = 0; run < 10_000; run++) {
      const free = Array.from({ length: 1 + of.int(9) }, () => of.int(800 * G));
      const target = of.int(sum(free) + 1);
      const shares = sharesOf(target, free);
      const fits = shares.every((share, i) => share >= 0 && share <= (free[i] ?? 0));
      if (!fits || sum(shares) !== target)
        throw new Error(JSON.stringify({ run, target, free, shares }));
    }
    expect(sharesOf(30, [10, 10])).toEqual([10, 10]);
    expect(sharesOf(30, [20, 40])).toEqual([10, 20]);
  });
});

test.each<[string, Parameters<typeof loadOf>, Partial<NicLoad>]>([
  ["its speed", [{ speedMbps: 100 }, 0], { capacity: 100_000, free: 100_000 }],
  [
    "less what is measured, the busier way",
    [{ speedMbps: 100, rates: rates(30e6, 20e6) }, 0],
    { free: 70_000 },
  ],
  [
    "less what is promised, where that is more",
    [{ speedMbps: 100, rates: rates(30e6, 0) }, 40_000],
    { free: 60_000 },
  ],
  ["never less than nothing", [{ speedMbps: 100 }, 500_000], { free: 0 }],
  ["nothing without carrier", [{ speedMbps: 100, carrier: false }, 0], { capacity: 0, free: 0 }],
  ["10 Gbit/s where the speed is not known", [undefined, 0], { assumed: true, free: 10_000_000 }],
  [
    "10 Gbit/s where the driver says -1",
    [{ speedMbps: -1 }, 0],
    { assumed: true, free: 10_000_000 },
  ],
])("loadOf has a NIC free: %s", (_, args, want) => expect(loadOf(...args)).toMatchObject(want));

function rates(txBps: number, rxBps: number) {
  return { txBps, rxBps, txDropPps: 0, rxDropPps: 0 };
}

function someLoads(of: Random, count: number): NicLoad[] {
  return Array.from({ length: count }, () => {
    const speed = of.pick([10, 25, 25, 100, 200, 400]);
    return nic(speed, of.int(3) === 0 ? of.int(speed + 1) : 0);
  });
}

function bruteCheapest(loads: readonly NicLoad[], target: number, most: number) {
  const fits = subsets(loads.length)
    .filter((set) => set.length > 0 && set.length <= most)
    .filter((set) => sum(set.map((i) => loads[i]?.free ?? 0)) >= target)
    .map((set) => ({
      set,
      key: [
        set.length,
        sum(set.map((i) => loads[i]?.capacity ?? 0)),
        sum(set.map((i) => loads[i]?.free ?? 0)),
        ...set,
      ],
    }));
  fits.sort((a, b) => {
    for (const [i, x] of a.key.entries()) if (x !== b.key[i]) return x - (b.key[i] ?? 0);
    return 0;
  });
  return fits[0]?.set;
}

function subsets(n: number): number[][] {
  return Array.from({ length: 2 ** n }, (_, bits) =>
    Array.from({ length: n }, (_x, i) => i).filter((i) => bits & (1 << i)),
  );
}

function sum(list: readonly number[]): number {
  return list.reduce((a, b) => a + b, 0);
}
