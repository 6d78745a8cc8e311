import { expect, test } from "bun:test";
import { random } from "../support/random.ts";
import { countGrowth, fileGrowth, growth, type Point, trendOf } from "./trend.ts";

const line = (value: (at: number) => number): Point[] =>
  Array.from({ length: 240 }, (_, i) => ({ at: 15 * i, value: value(15 * i) }));

test("trendOf finds a line's slope per hour and leaves the first quarter out", () => {
  const trend = trendOf(line((at) => (at < 900 ? 0 : 1000 + at / 36)));
  expect(trend.samples).toBe(180);
  expect(trend.slope).toBeCloseTo(100, 6);
  expect(trend.error).toBeCloseTo(0, 6);
});

test("growth tells a slow leak from noise", () => {
  const of = random(5);
  const noise = () => (of.float() - 0.5) * 4000;
  expect(growth(line(() => 80_000 + noise()))).toBeUndefined();
  expect(growth(line((at) => 80_000 + noise() - at))).toBeUndefined();
  expect(growth(line((at) => 80_000 + noise() + 2 * at))).toStartWith("it grows by 7");
  expect(growth([])).toBe("there are too few samples");
});

test("growth takes a saw-tooth or a slow wandering for noise, and finds a leak under it", () => {
  const of = random(6);
  let wander = 0;
  const wandering = () => {
    wander = 0.8 * wander + (of.float() - 0.5) * 4000;
    return wander;
  };
  const tooth = (at: number) => (at % 60) * 100;
  expect(growth(line(() => 80_000 + wandering()))).toBeUndefined();
  expect(growth(line((at) => 80_000 + tooth(at)))).toBeUndefined();
  expect(growth(line((at) => 80_000 + wandering() + tooth(at) + 3 * at))).toStartWith("it grows");
});

test("countGrowth sees one descriptor more, and takes a dip for none", () => {
  expect(countGrowth(line(() => 31))).toBeUndefined();
  expect(countGrowth(line((at) => (at % 450 === 0 ? 40 : 31)))).toBeUndefined();
  expect(countGrowth(line((at) => (at < 2000 ? 31 : 32)))).toBe("its median grew from 31 to 32");
});

test("fileGrowth lets a file take a page more, and sees one that grows on", () => {
  expect(fileGrowth(line((at) => (at < 2400 ? 152 : 160)))).toBeUndefined();
  expect(fileGrowth(line((at) => 100 + at / 100))).toBe("it grew from 117.85 to 135.85");
});
