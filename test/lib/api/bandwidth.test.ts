import { describe, expect, test } from "bun:test";
import { formatBandwidth, parseBandwidth } from "../../../src/lib/api/bandwidth.ts";
import { random } from "../../support/random.ts";

describe("parseBandwidth", () => {
  test.each<[string, number]>([
    ["25Gbps", 25_000_000],
    ["500Mbps", 500_000],
    ["64Kbps", 64],
    ["0.1Gbps", 100_000],
    ["1.5Mbps", 1_500],
    ["1500bps", 2],
    ["1000Gbps", 1_000_000_000],
    ["25G", 25_000_000],
    ["25 gbit/s", 25_000_000],
    [" 10gb/s ", 10_000_000],
  ])("reads %j as %i kbit/s", (text, kbps) => expect(parseBandwidth(text)).toBe(kbps));

  test.each([
    "",
    "25",
    "0Gbps",
    "fast",
    "-1Gbps",
    "1e3Mbps",
    "25GGbps",
    "Gbps",
    "1..5G",
    "9999999999G",
    "25Gbps 1",
  ])("refuses %j", (text) => expect(parseBandwidth(text)).toBeUndefined());
});

test("formatBandwidth writes what parseBandwidth reads, to three decimals", () => {
  const of = random(7);
  for (let i = 0; i < 10_000; i++) {
    const kbps = 1 + of.int(10 ** (1 + of.int(9)));
    const back = parseBandwidth(formatBandwidth(kbps)) ?? 0;
    expect(Math.abs(back - kbps) / kbps).toBeLessThan(0.001);
  }
  expect([1, 999, 1_000, 25_500_000].map(formatBandwidth)).toEqual([
    "1Kbps",
    "999Kbps",
    "1Mbps",
    "25.5Gbps",
  ]);
});
