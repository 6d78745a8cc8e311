import { describe, expect, test } from "bun:test";
import type { Cidr } from "../../../src/lib/api/kinds.ts";
import type { Route, Rule } from "../../../src/lib/netlink/types.ts";
import { examineRoutes, type RoutesSeen } from "../../../src/lib/plan/doctor-routes.ts";
import type { KernelRoutes } from "../../../src/lib/plan/routes.ts";
import { input, links, settled } from "../../support/hostroutes.ts";
import { dualStack, workedExample } from "../../support/slices.ts";

/** A host on which everything is as its slices want it. */
function clean(slices: Cidr[] = [workedExample()]): RoutesSeen {
  const done = settled(input(slices));
  return {
    hostName: "host1",
    links: [...links].map(([name, link]) => ({ name, ...link, carrier: true })),
    kernel: done.kernel,
    networks: [],
    slices,
    unreadable: [],
    tables: [...done.recorded].map(([network, id]) => ({ network, id })),
    named: [],
    attached: new Set(),
  };
}

/** The clean host with its kernel changed. */
function kernel(change: (kernel: KernelRoutes) => Partial<KernelRoutes>): RoutesSeen {
  const seen = clean();
  return { ...seen, kernel: { ...seen.kernel, ...change(seen.kernel) } };
}

function without<T>(list: readonly T[]): T[] {
  return list.slice(1);
}

const route: Route = {
  family: 4,
  dst: "192.168.200.0/24",
  table: 30000,
  protocol: 77,
  type: 1,
  scope: 0,
  metric: 0,
  nexthops: [{ via: "10.0.1.2", oif: 3 }],
};
const rule: Rule = { family: 4, priority: 100, table: 254, protocol: 0, action: 1 };
const main: Route = { ...route, dst: "0.0.0.0/0", table: 254, protocol: 4 };

const names = (seen: RoutesSeen) => examineRoutes(seen).map(({ name, mend }) => [name, mend]);

describe("examineRoutes", () => {
  test("finds nothing where all is as it should be, in both families", () => {
    expect(names(clean())).toEqual([]);
    expect(names(clean([dualStack()]))).toEqual([]);
  });

  const cases: [string, RoutesSeen, [string, string][]][] = [
    [
      "a route that is not there",
      kernel(({ routes }) => ({ routes: without(routes) })),
      [["RouteMissing", "multinic gc"]],
    ],
    [
      "a route that leads elsewhere",
      kernel(({ routes }) => ({
        routes: routes.map((one, i) =>
          i === 0 ? { ...one, nexthops: [{ via: "10.0.1.9", oif: 3 }] } : one,
        ),
      })),
      [["RouteWrong", "multinic gc"]],
    ],
    [
      "a route of our protocol that nobody wants",
      kernel(({ routes }) => ({ routes: [...routes, route] })),
      [["RouteLeftOver", "multinic gc"]],
    ],
    [
      "one in main, which nicd leaves alone",
      kernel(({ routes }) => ({ routes: [...routes, { ...route, table: 254 }] })),
      [["RouteLeftOver", "ip route del 192.168.200.0/24 table 254 proto 77"]],
    ],
    [
      "another program's route in a network's table",
      kernel(({ routes }) => ({ routes: [...routes, { ...route, protocol: 3 }] })),
      [["RouteForeign", "ip route del 192.168.200.0/24 table 30000 proto 3"]],
    ],
    ["a rule that is not there", kernel(() => ({ rules: [] })), [["RuleMissing", "multinic gc"]]],
    [
      "a rule of ours that nobody wants",
      kernel(({ rules }) => ({
        rules: [...rules, { ...rule, priority: 30_000, table: 30_500, src: "1.2.3.0/24" }],
      })),
      [["RuleLeftOver", "multinic gc"]],
    ],
    [
      "another program's rule into a network's table",
      kernel(({ rules }) => ({ rules: [...rules, { ...rule, table: 30_000, src: "9.9.9.0/24" }] })),
      [["RuleForeign", "ip rule del priority 100 table 30000"]],
    ],
    [
      "a rule that comes first and leads elsewhere",
      kernel(({ rules, routes }) => ({ rules: [rule, ...rules], routes: [...routes, main] })),
      [["RuleShadowed", "ip rule del priority 100"]],
    ],
    [
      "a rule that comes first and forbids",
      kernel(({ rules }) => ({ rules: [{ ...rule, action: 7, table: 0 }, ...rules] })),
      [["RuleShadowed", "ip rule del priority 100"]],
    ],
    [
      "a NIC that is away, with the routes that wait for it",
      { ...clean(), links: clean().links.filter(({ name }) => name !== "eth1") },
      [
        ["MasterMissing", "ip link show"],
        ["RouteLeftOver", "multinic gc"],
      ],
    ],
    [
      "a NIC without carrier",
      {
        ...clean(),
        links: clean().links.map((link) => ({ ...link, carrier: link.name !== "eth2" })),
      },
      [["MasterNoCarrier", "ethtool eth2"]],
    ],
  ];
  for (const [what, seen, found] of cases) {
    test(`finds ${what}`, () => expect(names(seen)).toEqual(found));
  }

  test("calls no route left over of a network whose slice cannot be read, and goes on with the others", () => {
    const seen = clean();
    const [slice] = seen.slices;
    if (!slice) throw new Error("no slice");
    const unreadable = [{ object: slice, problem: "spoiled" }];
    expect(names({ ...seen, slices: [], unreadable })).toEqual([]);
    const stray = { ...route, table: 30_001 };
    const kernel = { ...seen.kernel, routes: [...seen.kernel.routes, stray] };
    const tables = [...seen.tables, { network: "gone", id: 30_001 }];
    expect(names({ ...seen, slices: [], unreadable, kernel, tables })).toEqual([
      ["RouteLeftOver", "multinic gc"],
    ]);
  });

  test("finds a NIC that is down", () => {
    const seen = clean();
    const down = seen.links.map((link) => ({ ...link, up: link.name !== "eth1" }));
    expect(names({ ...seen, links: down })[0]).toEqual(["MasterDown", "ip link set eth1 up"]);
  });

  test("passes rules before ours that take none of the network's packets", () => {
    const harmless = [
      { ...rule, priority: 0, table: 255 },
      { ...rule, src: "10.0.0.0/8" },
      { ...rule, oif: "eth0" },
      { ...rule, table: 7 },
      { ...rule, priority: 32_766 },
    ];
    const seen = kernel(({ rules, routes }) => ({
      rules: [...rules, ...harmless],
      routes: [...routes, main],
    }));
    expect(names(seen)).toEqual([]);
  });
});
