import { expect, test } from "bun:test";
import { AddressPool } from "../../../src/lib/plan/allocation.ts";
import { poolUsage } from "../../../src/lib/plan/poolusage.ts";

const one = { pod: "p", namespace: "n", index: 1, address: "10.0.0.1" };

test.each<[string, string[], string]>([
  ["10.0.0.0/24", [], "1/254"],
  ["10.0.0.0/24", ["10.0.0.0/29", "10.0.0.255", "10.0.0.128/25"], "1/120"],
  ["10.0.0.0/24", ["10.0.0.0/29", "10.0.0.4", "10.1.0.0/16"], "1/247"],
  ["10.0.0.0/24", ["10.0.0.0/8"], "1/0"],
  ["10.0.0.0/31", [], "1/0"],
  ["10.0.0.0/8", [], "1/65535"],
  ["fd00::/64", ["fd00::/120"], "1/65280"],
])("poolUsage of %s without %p is %s, as the allocator counts", (podCIDR, excludes, wanted) => {
  expect(poolUsage({ podCIDR, excludes, allocations: [one] })).toBe(wanted);
  const pool = new AddressPool({ name: "p", podCIDR, excludes, used: [], freed: [] });
  expect(wanted).toBe(`1/${pool.usable}`);
});

test("poolUsage of a podCIDR that is none says so", () => {
  expect(poolUsage({ podCIDR: "x", excludes: [], allocations: [] })).toBe("0/?");
});
