import { describe, expect, test } from "bun:test";
import { parseAddress } from "../../../src/lib/ip.ts";
import { AddressPool, type PoolFacts, restMs } from "../../../src/lib/plan/allocation.ts";
import { random } from "../../support/random.ts";

function pool(podCIDR: string, more: Partial<PoolFacts> = {}): AddressPool {
  return new AddressPool({ name: "p", podCIDR, excludes: [], used: [], freed: [], ...more });
}

function drain(from: AddressPool, now = 0): number[] {
  const given: number[] = [];
  while (!from.full) given.push(from.allocate(now).index);
  return given;
}

function take(from: AddressPool, text: string): number {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is not an address`);
  return from.take(address);
}

describe("AddressPool", () => {
  test.each([
    ["192.168.0.0/29", [1, 2, 3, 4, 5, 6]],
    ["192.168.0.0/30", [1, 2]],
    ["192.168.0.0/31", []],
    ["192.168.0.0/32", []],
    ["fd00::/126", [1, 2]],
    ["fd00::/128", []],
  ])("never gives the first and the last address of %s", (podCIDR, indexes) => {
    expect(drain(pool(podCIDR))).toEqual(indexes);
    expect(pool(podCIDR).usable).toBe(indexes.length);
  });

  test.each([
    ["10.0.0.0/8", 65_535],
    ["10.0.0.0/16", 65_534],
    ["fd00::/64", 65_535],
    ["fd00::/112", 65_534],
  ])("uses at most 2^16 addresses of %s", (podCIDR, usable) => {
    expect(pool(podCIDR).usable).toBe(usable);
  });

  test.each([
    [["192.168.0.2"], [1, 3, 4, 5, 6]],
    [["192.168.0.0/30"], [4, 5, 6]],
    [["192.168.0.4/30"], [1, 2, 3]],
    [["192.168.0.7"], [1, 2, 3, 4, 5, 6]],
    [["192.168.0.0/16"], []],
    [
      ["10.0.0.0/8", "fd00::/8"],
      [1, 2, 3, 4, 5, 6],
    ],
    [
      ["192.168.0.1", "192.168.0.1/32", "192.168.0.6"],
      [2, 3, 4, 5],
    ],
  ])("skips excludes %j", (excludes, indexes) => {
    expect(drain(pool("192.168.0.0/29", { excludes }))).toEqual(indexes);
  });

  test("refuses an exclude that it cannot read, rather than give what it means", () => {
    expect(() => pool("192.168.0.0/29", { excludes: ["192.168.0.x"] })).toThrow(
      'Cannot use pool p: excludes holds "192.168.0.x", which is neither an address nor a CIDR',
    );
  });

  test("keeps every record when an address between two others is inserted", () => {
    const lessons = pool("192.168.0.0/24", { used: [1, 3, 4, 5] });
    expect(lessons.allocate(0).index).toBe(2);
    expect(lessons.used).toBe(5);
    expect(lessons.allocate(0).index).toBe(6);
  });

  test("gives never-used addresses before freed ones, then the longest free", () => {
    const small = pool("192.168.0.0/29");
    expect([small.allocate(0).index, small.allocate(0).index]).toEqual([1, 2]);
    small.release(2, 10);
    small.release(1, 20);
    const order = [3, 4, 5, 6, 2, 1].map(() => small.allocate(restMs + 20).index);
    expect(order).toEqual([3, 4, 5, 6, 2, 1]);
  });

  test.each([
    [restMs - 1, false],
    [restMs, true],
  ])("says of an address freed %d ms ago whether it has rested", (waited, rested) => {
    const one = pool("192.168.0.0/30", { used: [2], freed: [{ index: 1, at: 1000 }] });
    expect(one.allocate(1000 + waited)).toEqual({ index: 1, rested });
  });

  test("reads freed addresses in the order of their times", () => {
    const freed = [
      { index: 1, at: 30 },
      { index: 2, at: 10 },
    ];
    expect(drain(pool("192.168.0.0/30", { freed }))).toEqual([2, 1]);
  });

  test("names pool, size, use and the way out when it is full", () => {
    const full = pool("192.168.0.0/30", { used: [1, 2] });
    expect(full.full).toBe(true);
    expect(() => full.allocate(0)).toThrow(
      /pool p \(192\.168\.0\.0\/30\): 2 in use of 2 usable; delete pods .* or recreate the network/,
    );
  });

  test.each([
    ["192.168.0.3", "another pod has it"],
    ["192.168.0.4", "it is excluded"],
    ["192.168.0.0", "the first and the last address"],
    ["192.168.0.7", "the first and the last address"],
    ["192.168.0.8", "it is outside 192.168.0.0/29"],
    ["fd00::1", "it is outside 192.168.0.0/29"],
  ])("refuses the static address %s: %s", (text, why) => {
    const some = pool("192.168.0.0/29", { used: [3], excludes: ["192.168.0.4"] });
    expect(() => take(some, text)).toThrow(why);
    expect(some.used).toBe(1);
  });

  test("takes a static address that was freed, and does not give it again", () => {
    const some = pool("192.168.0.0/29", { freed: [{ index: 3, at: 0 }] });
    expect(take(some, "192.168.0.3")).toBe(3);
    expect(drain(some)).toEqual([1, 2, 4, 5, 6]);
  });

  test("releases an index once", () => {
    const some = pool("192.168.0.0/29", { used: [1] });
    expect([some.release(1, 0), some.release(1, 0), some.release(7, 0)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(some.used).toBe(0);
  });

  test("does not give an address again that was excluded while in use", () => {
    const some = pool("192.168.0.0/30", { used: [1], excludes: ["192.168.0.1"] });
    some.release(1, 0);
    expect(drain(some)).toEqual([2]);
  });

  test("agrees with a naive model in 20,000 random steps (seed 7)", () => {
    const dice = random(7);
    const excludes = ["10.0.0.9", "10.0.0.32/29"];
    const excluded = new Set([9, 32, 33, 34, 35, 36, 37, 38, 39]);
    const state = pool("10.0.0.0/26", { excludes });
    const used = new Set<number>();
    const freed: number[] = [];
    const ever = new Set<number>();
    for (let now = 1; now <= 20_000; now++) {
      const step = dice.int(10);
      if (step < 5) {
        const fresh = Array.from({ length: 62 }, (_, i) => i + 1).find(
          (i) => !ever.has(i) && !excluded.has(i),
        );
        const wanted = fresh ?? freed[0];
        if (wanted === undefined) expect(() => state.allocate(now)).toThrow("usable");
        else {
          expect(state.allocate(now).index).toBe(wanted);
          claim(wanted);
        }
      } else if (step < 6) {
        const index = dice.int(64);
        const possible = index >= 1 && index <= 62 && !used.has(index) && !excluded.has(index);
        if (!possible) expect(() => take(state, `10.0.0.${index}`)).toThrow("Cannot give address");
        else {
          expect(take(state, `10.0.0.${index}`)).toBe(index);
          claim(index);
        }
      } else if (used.size > 0) {
        const index = dice.pick([...used]);
        expect(state.release(index, now)).toBe(true);
        used.delete(index);
        freed.push(index);
      }
      expect(state.used).toBe(used.size);
    }
    function claim(index: number): void {
      used.add(index);
      ever.add(index);
      const at = freed.indexOf(index);
      if (at >= 0) freed.splice(at, 1);
    }
  });

  test("is the same after it is built anew from what was recorded", () => {
    const dice = random(11);
    let state = pool("10.0.0.0/27");
    const used = new Set<number>();
    const freed = new Map<number, number>();
    for (let now = 1; now <= 2_000; now++) {
      if (dice.int(2) === 0 && !state.full) {
        const twin = pool("10.0.0.0/27", {
          used,
          freed: [...freed].map(([index, at]) => ({ index, at })),
        });
        const { index } = state.allocate(now);
        expect(twin.allocate(now).index).toBe(index);
        used.add(index);
        freed.delete(index);
        state = twin;
      } else if (used.size > 0) {
        const index = dice.pick([...used]);
        state.release(index, now);
        used.delete(index);
        freed.set(index, now);
      }
    }
  });
});
