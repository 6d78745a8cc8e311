import { expect, test } from "bun:test";
import { planHostRoutes } from "../../../src/lib/plan/route-hostroutes.ts";
import { routeStatus } from "../../../src/lib/plan/route-status.ts";
import { empty, input, settled } from "../../support/hostroutes.ts";
import { workedExample } from "../../support/slices.ts";

test("routeStatus counts what was read back and names what is missing", () => {
  const plan = planHostRoutes(input([workedExample()]));
  const done = settled(input([workedExample()]));
  const of = {
    failures: new Map(),
    before: [],
    attached: new Set<string>(),
    inUse: (_network: string, podCIDR: string) => podCIDR !== "192.168.64.0/24",
  };
  const row = { name: "ipvlan-l3", wanted: 2, observed: ["ipvlan-l3@1"] };
  const podCIDRs = ["192.168.0.0/24"];
  expect(routeStatus(plan.networks, done.kernel, of)).toEqual([
    { ...row, podCIDRs, applied: 2, failures: [] },
  ]);
  expect(
    routeStatus(plan.networks, { routes: done.kernel.routes.slice(1), rules: [] }, of),
  ).toEqual([
    {
      ...row,
      podCIDRs,
      applied: 1,
      failures: ["rule from 192.168.0.0/16 lookup 30000 is not there"],
    },
  ]);
  const failed = new Map([["ipvlan-l3", Array.from({ length: 20 }, (_, i) => `route ${i}`)]]);
  const [report] = routeStatus(plan.networks, empty, { ...of, failures: failed });
  expect(report?.applied).toBe(0);
  expect(report?.failures).toHaveLength(9);
  expect(report?.failures.at(-1)).toBe("and 13 more");
  const before = [{ ...row, podCIDRs, applied: 2, failures: [] }];
  expect(routeStatus([], empty, { ...of, before, attached: new Set(["ipvlan-l3"]) })).toEqual(
    before,
  );
  expect(routeStatus([], empty, { ...of, before })).toEqual([]);
});
