import { describe, expect, test } from "bun:test";
import type { Route, Rule } from "../../../src/lib/netlink/types.ts";
import { planHostRoutes } from "../../../src/lib/plan/route-hostroutes.ts";
import { input, sayRule, sayStep, settled, steps } from "../../support/hostroutes.ts";
import { slice, workedExample } from "../../support/slices.ts";

describe("chooseTables, as planHostRoutes uses it", () => {
  const foreignRoute: Route = {
    family: 4,
    dst: "203.0.113.0/24",
    table: 30000,
    protocol: 4,
    type: 1,
    scope: 0,
    metric: 0,
    nexthops: [{ via: "10.0.1.254", oif: 3 }],
  };
  const rule = (more: Partial<Rule>): Rule => ({
    family: 4,
    priority: 30000,
    table: 30000,
    protocol: 0,
    action: 1,
    ...more,
  });

  test("takes only a table that no route and no rule uses", () => {
    const kernel = { routes: [foreignRoute], rules: [rule({ priority: 100, table: 30001 })] };
    expect(steps(input([workedExample()], { kernel }))[0]).toBe("recordTable ipvlan-l3 30002");
  });

  test("gives no number twice and reports when none is free", () => {
    const two = input([workedExample(), slice("other", ["host1", "host2"])]);
    expect(steps(two).filter((step) => step.startsWith("record"))).toEqual([
      "recordTable ipvlan-l3 30000",
      "recordTable other 30001",
    ]);
    const recorded = new Map(Array.from({ length: 1000 }, (_, i) => [`net${i}`, 30000 + i]));
    const full = planHostRoutes(
      input([workedExample()], { recorded, attached: new Set(recorded.keys()) }),
    );
    expect(full.steps).toEqual([]);
    expect(full.networks[0]?.failures).toEqual(["no routing table of 30000–30999 is free"]);
  });

  test("finds its table again when the record was lost", () => {
    const done = settled(input([workedExample()]));
    const moved = {
      routes: done.kernel.routes.map((route) => ({ ...route, table: 30007 })),
      rules: done.kernel.rules.map((old) => ({ ...old, table: 30007 })),
    };
    expect(steps({ ...done, recorded: new Map(), kernel: moved })).toEqual([
      "recordTable ipvlan-l3 30007",
    ]);
  });

  test("removes what a lost record left behind, and nothing that is not ours", () => {
    const done = settled(input([workedExample()]));
    const foreign = rule({ priority: 99, src: "10.9.0.0/16" });
    const main = { ...foreignRoute, table: 254, protocol: 77 };
    const kernel = {
      routes: [...done.kernel.routes, foreignRoute, main],
      rules: [...done.kernel.rules, foreign],
    };
    const left = settled({ ...done, networks: [], recorded: new Map(), kernel });
    expect(left.kernel).toEqual(
      expect.objectContaining({ routes: [foreignRoute, main], rules: [foreign] }),
    );
  });

  test("does not touch a foreign route in its table, and says when one is in the way", () => {
    const recorded = new Map([["ipvlan-l3", 30000]]);
    const rival = { ...foreignRoute, dst: "192.168.1.0/24" };
    const kernel = { routes: [foreignRoute, rival], rules: [] };
    const plan = planHostRoutes(input([workedExample()], { recorded, kernel }));
    expect(plan.steps.map(sayStep)).toEqual([
      "add 192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77 table 30000",
      "addRule 30000: from 192.168.0.0/16 lookup 30000",
    ]);
    expect(plan.networks[0]?.failures).toEqual([
      "192.168.1.0/24: a route of protocol 4 in table 30000 is in the way",
    ]);
  });

  describe("with what v1.3.x left", () => {
    const old = (dst: string, via: string, oif: number): Route => ({
      ...foreignRoute,
      dst,
      table: 100,
      protocol: 3,
      nexthops: [{ via, oif }],
    });
    const kernel = {
      routes: [old("192.168.1.0/24", "10.0.1.2", 3), old("192.168.7.0/24", "10.0.1.8", 3)],
      rules: [rule({ priority: 32765, src: "192.168.0.0/16", table: 100 })],
    };
    const named = [
      { id: 100, name: "ipvlan-l3" },
      { id: 254, name: "main" },
    ];

    test("keeps the table's number and the rule, takes over its routes and drops stale ones", () => {
      const taken = input([workedExample()], { kernel, named });
      expect(steps(taken)).toEqual([
        "recordTable ipvlan-l3 100",
        "replace 192.168.1.0/24 via 10.0.1.2 dev eth1 proto 77 table 100",
        "add 192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77 table 100",
        "delete 192.168.7.0/24 via 10.0.1.8 dev eth1 proto 3 table 100",
      ]);
      expect(planHostRoutes(taken).names).toEqual([]);
      const done = settled(taken);
      expect(steps(done)).toEqual([]);
      expect(settled({ ...done, networks: [] }).kernel).toMatchObject({ routes: [], rules: [] });
    });

    test('takes away the rule without source that it wrote for subnet ""', () => {
      const cidr = workedExample();
      cidr.spec.config.subnet = "";
      const catchAll = { ...kernel, rules: [rule({ priority: 32765, table: 100 })] };
      const done = settled(input([cidr], { kernel: catchAll, named }));
      expect(done.kernel.rules.map(sayRule)).toEqual([
        "30000: from 192.168.0.0/24 lookup 100",
        "30000: from 192.168.64.0/24 lookup 100",
      ]);
    });

    test("leaves a table alone that merely has the network's name", () => {
      const other = { ...kernel, rules: [rule({ priority: 5, src: "10.0.0.0/8", table: 100 })] };
      expect(steps(input([workedExample()], { kernel: other, named }))[0]).toBe(
        "recordTable ipvlan-l3 30000",
      );
    });
  });
});
