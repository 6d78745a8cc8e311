import { describe, expect, test } from "bun:test";
import { LastRoutes } from "../../../src/lib/nicd/lastroutes.ts";
import type { RoutesReport } from "../../../src/lib/nicd/routes.ts";

const [a, b] = ["192.168.0.0/24", "192.168.64.0/24"];

function report(inUse: readonly string[], routed: readonly string[] = [a, b]): RoutesReport {
  const counts = { wanted: 4, applied: 4, failures: [], observed: [] };
  return {
    networks: [
      { name: "net", podCIDRs: [...inUse], ...counts },
      { name: "other", podCIDRs: [], ...counts },
    ],
    podCIDRs: new Map([
      ["net", routed],
      ["other", []],
    ]),
    steps: 0,
    failed: false,
  };
}

const inUse = (told: LastRoutes) => told.networks?.find(({ name }) => name === "net")?.podCIDRs;

describe("LastRoutes", () => {
  test("tells of a report that differs from the last", () => {
    const told = new LastRoutes();
    expect(told.networks).toBeUndefined();
    expect([told.take(report([])), told.take(report([])), told.take(report([a]))]).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("takes use of a routed podCIDR into what is told, first and last pod, in the order of podCIDRs", () => {
    const told = new LastRoutes();
    told.take(report([]));
    expect([told.use("net", [b]), inUse(told)]).toEqual([true, [b]]);
    expect([told.use("net", [b, a]), inUse(told)]).toEqual([true, [a, b]]);
    expect([told.use("net", []), inUse(told)]).toEqual([true, []]);
    expect(told.networks).toEqual(report([]).networks);
    // The next look finds the same.
    told.use("net", [a]);
    expect(told.take(report([a]))).toBe(false);
  });

  test("leaves it to a look when a podCIDR that pods use or used is not routed any more", () => {
    const told = new LastRoutes();
    told.take(report([a, b], [a]));
    expect([told.use("net", [a]), inUse(told)]).toEqual([false, [a, b]]);
    told.take(report([a], [a]));
    expect([told.use("net", [a, b]), inUse(told)]).toEqual([false, [a]]);
    expect([told.use("net", []), inUse(told)]).toEqual([true, []]);
  });

  test("leaves it to a look before the first one, and for a network that was not there at the last", () => {
    const told = new LastRoutes();
    expect(told.use("net", [])).toBe(false);
    told.take(report([]));
    expect(told.use("new", [])).toBe(false);
  });
});
