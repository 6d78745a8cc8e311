import { describe, expect, test } from "bun:test";
import { codeOf } from "../../src/lib/errors.ts";
import type { Route, Rule } from "../../src/lib/netlink/types.ts";
import { canMakeNetns, missing } from "../support/netns.ts";
import { codeFrom, wired } from "../support/wired.ts";

const able = canMakeNetns();
if (!able) missing("root and network namespaces");

describe.if(able)("Kernel, routes", () => {
  const through = (oif: number, more: Partial<Route> = {}): Route => ({
    family: 4,
    dst: "10.9.0.0/16",
    table: 30000,
    protocol: 77,
    type: 1,
    scope: 0,
    metric: 0,
    nexthops: [{ via: "10.0.1.2", oif }],
    ...more,
  });

  test("addRoute and deleteRoute work in table 30000 with protocol 77, as ip shows them", () => {
    using space = wired("routes");
    const { kernel, a } = space;
    kernel.addRoute(through(a));
    expect(space.ip("route", "show", "table", "30000")).toMatchObject([
      { dst: "10.9.0.0/16", gateway: "10.0.1.2", dev: "a", protocol: "77" },
    ]);
    expect(kernel.routes({ family: 4, table: 30000 })).toEqual([through(a)]);
    expect(codeFrom(() => kernel.addRoute(through(a)))).toBe("EEXIST");
    expect([kernel.deleteRoute(through(a)), kernel.deleteRoute(through(a))]).toEqual([true, false]);
    expect(kernel.routes({ family: 4, table: 30000 })).toEqual([]);
  });

  test("replaceRoute makes it so; a gateway that nobody reaches is refused in the kernel's words", () => {
    using space = wired("replace");
    const { kernel, a } = space;
    for (const via of ["10.0.1.2", "10.0.1.3"])
      kernel.replaceRoute(through(a, { nexthops: [{ via, oif: a }] }));
    expect(kernel.routes({ family: 4, table: 30000 }).map((one) => one.nexthops)).toEqual([
      [{ via: "10.0.1.3", oif: a }],
    ]);
    const lost = through(a, { dst: "10.8.0.0/16", nexthops: [{ via: "99.0.0.1", oif: a }] });
    expect(() => kernel.addRoute(lost)).toThrow(
      `Cannot add route 10.8.0.0/16 via 99.0.0.1 dev ${a} table 30000: Nexthop has invalid gateway (ENETUNREACH)`,
    );
  });

  test("routes come back as they were written: onlink, multipath, metric, source, MTU, unreachable, IPv6", () => {
    using space = wired("shapes");
    const { kernel, a } = space;
    const wanted: Route[] = [
      through(a, { dst: "10.10.0.0/16", nexthops: [{ via: "99.0.0.1", oif: a, onlink: true }] }),
      through(a, {
        dst: "10.11.0.0/16",
        metric: 400,
        prefsrc: "10.0.1.1",
        mtu: 1400,
        advmss: 1360,
      }),
      through(a, {
        dst: "10.12.0.0/16",
        nexthops: [
          { via: "10.0.1.2", oif: a, weight: 1 },
          { via: "10.0.1.3", oif: a, weight: 3 },
        ],
      }),
      through(a, { dst: "10.13.0.0/16", scope: 253, nexthops: [{ oif: a }] }),
      through(a, { dst: "10.14.0.0/16", type: 7, nexthops: [{}] }),
      through(a, { dst: "0.0.0.0/0" }),
    ];
    for (const route of wanted) kernel.addRoute(route);
    const byDst = (one: Route, other: Route) => (one.dst < other.dst ? -1 : 1);
    expect(kernel.routes({ family: 4, table: 30000, protocol: 77 })).toEqual(wanted.sort(byDst));
    const six = through(a, {
      family: 6,
      dst: "fd09::/48",
      metric: 1024,
      nexthops: [{ via: "fd00:1::2", oif: a }],
    });
    kernel.addRoute(six);
    expect(kernel.routes({ family: 6, table: 30000 })).toEqual([six]);
    expect(kernel.deleteRoute(six)).toBe(true);
  });

  test("routes() filters in the kernel by protocol and interface; an unknown table is empty", () => {
    using space = wired("filter");
    const { kernel, a, b } = space;
    kernel.addRoute(through(a));
    kernel.addRoute(through(a, { dst: "10.7.0.0/16", protocol: 78 }));
    expect(kernel.routes({ family: 4, protocol: 77 }).map((one) => one.dst)).toEqual([
      "10.9.0.0/16",
    ]);
    expect(kernel.routes({ family: 4, table: 30000, oif: b })).toEqual([]);
    expect(kernel.routes({ family: 4, table: 30001 })).toEqual([]);
    expect(kernel.routes({ family: 6, table: 30001 })).toEqual([]);
  });

  test("changeRoutes applies a thousand changes and tells each failure by its place", () => {
    using space = wired("batch");
    const { kernel, a } = space;
    const many = Array.from({ length: 1000 }, (_, i) =>
      through(a, { dst: `10.${100 + (i >> 8)}.${i & 255}.0/24` }),
    );
    const bad = through(a, { nexthops: [{ via: "99.0.0.1", oif: a }] });
    const outcomes = kernel.changeRoutes(
      [...many, bad].map((route) => ({ verb: "replace", route })),
    );
    expect(outcomes.slice(0, 1000).filter((one) => one !== undefined)).toEqual([]);
    expect(codeOf(outcomes[1000])).toBe("ENETUNREACH");
    expect(space.ip("route", "show", "table", "30000").length).toBe(1000);
    const gone = kernel.changeRoutes([...many, bad].map((route) => ({ verb: "delete", route })));
    expect(gone).toEqual(new Array(1001).fill(undefined));
    expect(kernel.routes({ family: 4, table: 30000 })).toEqual([]);
  });
});

describe.if(able)("Kernel, rules and lookup", () => {
  const rule: Rule = {
    family: 4,
    priority: 30000,
    src: "10.5.0.0/16",
    table: 30000,
    protocol: 77,
    action: 1,
  };

  test("addRule adds an equal rule once, deleteRule tells whether there was one", () => {
    using space = wired("rules");
    const { kernel } = space;
    const six: Rule = { ...rule, family: 6, src: "fd05::/48", oif: "a" };
    for (const one of [rule, rule, six, six]) kernel.addRule(one);
    expect(space.ip("rule", "show", "priority", "30000")).toMatchObject([
      { src: "10.5.0.0", srclen: 16, table: "30000", protocol: "77" },
    ]);
    expect(kernel.rules(4).filter((one) => one.priority === 30000)).toEqual([rule]);
    expect(kernel.rules(6).filter((one) => one.priority === 30000)).toEqual([six]);
    expect([kernel.deleteRule(rule), kernel.deleteRule(rule)]).toEqual([true, false]);
    expect(kernel.rules(4).map((one) => one.priority)).toEqual([0, 32766, 32767]);
  });

  test("lookup follows the rule to its table, and is undefined where there is no way", () => {
    using space = wired("lookup");
    const { kernel, a } = space;
    kernel.addAddress(a, "10.5.0.1/16");
    kernel.addRule(rule);
    kernel.addRoute({
      family: 4,
      dst: "10.9.0.0/16",
      table: 30000,
      protocol: 77,
      type: 1,
      scope: 0,
      metric: 0,
      nexthops: [{ via: "10.0.1.2", oif: a }],
    });
    expect(kernel.lookup("10.9.0.7", { src: "10.5.0.1" })).toMatchObject({
      table: 30000,
      nexthops: [{ via: "10.0.1.2", oif: a }],
    });
    expect(kernel.lookup("10.9.0.7")).toBeUndefined();
    expect(kernel.lookup("fd00:1::7")).toMatchObject({ family: 6, nexthops: [{ oif: a }] });
    expect(kernel.lookup("fd77::7")).toBeUndefined();
  });
});
