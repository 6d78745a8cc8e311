import { describe, expect, test } from "bun:test";
import { codeOf } from "../../src/lib/errors.ts";
import type { Kernel } from "../../src/lib/linux/kernel.ts";
import type { Route, Rule } from "../../src/lib/netlink/types.ts";
import { canMakeNetns, kernelHas, missing, type Scratch, scratch } from "../support/netns.ts";

const able = canMakeNetns();
if (!able) missing("root and network namespaces");

/** A namespace with a veth pair a–b, both up, `10.0.1.1/24` and `fd00:1::1/64` on a. */
function wired(label: string): Scratch & { a: number; b: number } {
  const space = scratch(label);
  const { kernel } = space;
  kernel.addLink("a", { kind: "veth", peer: { name: "b" } });
  const a = indexOf(kernel, "a");
  const b = indexOf(kernel, "b");
  for (const index of [a, b]) kernel.setLink(index, { up: true });
  kernel.addAddress(a, "10.0.1.1/24");
  kernel.addAddress(a, "fd00:1::1/64", { nodad: true });
  return { ...space, a, b };
}

const indexOf = (kernel: Kernel, name: string) => kernel.link(name)?.index ?? 0;

function codeFrom(call: () => void): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

describe.if(able)("Kernel, links", () => {
  test("addLink makes a veth pair with MAC, MTU, alias and IFF_UP, and link() finds both ends", () => {
    using space = scratch("links");
    const { kernel } = space;
    const options = { mtu: 1400, mac: "02:00:00:00:00:01", up: true, alias: "plane 0" };
    kernel.addLink("a", { kind: "veth", peer: { name: "b" } }, options);
    expect(space.ip("link", "show", "a")[0]).toMatchObject({
      mtu: 1400,
      address: "02:00:00:00:00:01",
      ifalias: "plane 0",
      linkinfo: { info_kind: "veth" },
    });
    expect(kernel.link("a")).toMatchObject({
      up: true,
      carrier: false,
      kind: "veth",
      alias: "plane 0",
    });
    expect(kernel.link("b")?.link).toBe(indexOf(kernel, "a"));
    expect(kernel.link(indexOf(kernel, "b"))?.name).toBe("b");
  });

  test("links() lists what ip lists", () => {
    using space = wired("dump");
    for (let i = 0; i < 40; i++)
      space.kernel.addLink(`v${i}`, { kind: "veth", peer: { name: `w${i}` } });
    const theirs = space.ip("link", "show").map((link) => `${link["ifindex"]} ${link["ifname"]}`);
    expect(space.kernel.links().map((link) => `${link.index} ${link.name}`)).toEqual(theirs);
    expect(theirs.length).toBe(83);
  });

  test("addLink refuses a taken name with EEXIST, saying what it was about to add", () => {
    using space = wired("taken");
    const add = () => space.kernel.addLink("a", { kind: "veth", peer: { name: "c" } });
    expect(codeFrom(add)).toBe("EEXIST");
    expect(add).toThrow("Cannot add veth a: ");
  });

  test("deleteLink tells whether there was one, and takes the peer with it", () => {
    using space = wired("delete");
    expect(space.kernel.deleteLink("a")).toBe(true);
    expect(space.kernel.deleteLink("a")).toBe(false);
    expect(space.kernel.deleteLink(4711)).toBe(false);
    expect(space.kernel.link("b")).toBeUndefined();
  });

  test("altnames find the link, short or long, until they are deleted", () => {
    using space = wired("altnames");
    const { kernel, a } = space;
    for (const name of ["net1", "a-name-longer-than-fifteen"]) kernel.addAltname(a, name);
    expect(kernel.link("net1")?.name).toBe("a");
    expect(kernel.link("a-name-longer-than-fifteen")?.index).toBe(a);
    expect(space.ip("link", "show", "a")[0]?.["altnames"]).toEqual([
      "net1",
      "a-name-longer-than-fifteen",
    ]);
    kernel.deleteAltname(a, "net1");
    expect(kernel.link("net1")).toBeUndefined();
    expect(kernel.link("a")?.altnames).toEqual(["a-name-longer-than-fifteen"]);
  });

  test.if(kernelHas("macvlan"))("addLink puts a macvlan straight into another namespace", () => {
    using host = wired("mv-host");
    using pod = scratch("mv-pod");
    const link = { kind: "macvlan", parent: host.a, mode: "bridge" } as const;
    host.kernel.addLink("net1", link, {
      netnsFd: pod.netns.fd,
      mac: "02:00:00:00:00:09",
      mtu: 1400,
    });
    expect(host.kernel.link("net1")).toBeUndefined();
    expect(pod.ip("link", "show", "net1")[0]).toMatchObject({
      address: "02:00:00:00:00:09",
      mtu: 1400,
      linkinfo: { info_kind: "macvlan", info_data: { mode: "bridge" } },
    });
    const made = pod.kernel.link("net1");
    expect(made).toMatchObject({ link: host.a, macvlan: { mode: "bridge" } });
    expect(made?.linkNetnsid).toBeNumber();
  });

  test("setLink renames, moves and enslaves; master 0 frees", () => {
    using space = wired("set");
    using pod = scratch("set-pod");
    const { kernel } = space;
    kernel.addLink("br0", { kind: "bridge" }, { up: true });
    kernel.setLink(space.b, { master: indexOf(kernel, "br0") });
    expect(space.ip("link", "show", "b")[0]?.["master"]).toBe("br0");
    kernel.setLink(space.b, { master: 0, up: false });
    expect(kernel.link("b")).toMatchObject({ master: 0, up: false });
    kernel.setLink(space.b, { netnsFd: pod.netns.fd, name: "net1" });
    expect(pod.kernel.link("net1")?.kind).toBe("veth");
    expect(kernel.link("b")).toBeUndefined();
  });
});

describe.if(able)("Kernel, addresses", () => {
  test("addAddress adds both families, v6 without duplicate address detection, twice without harm", () => {
    using space = wired("addresses");
    space.kernel.addAddress(space.a, "10.0.1.1/24");
    space.kernel.addAddress(space.a, "fd00:1::1/64", { nodad: true });
    // Behind the filter by scope ip leaves an empty object for each address that it passed over.
    const [shown] = space.ip("addr", "show", "dev", "a", "scope", "global");
    expect(shown?.["addr_info"]).toMatchObject([
      { family: "inet", local: "10.0.1.1", prefixlen: 24 },
      { family: "inet6", local: "fd00:1::1", prefixlen: 64, nodad: true },
      {},
    ]);
    const ours = space.kernel.addresses().filter((one) => one.index === space.a && one.scope === 0);
    expect(ours.map((one) => one.address)).toEqual(["10.0.1.1/24", "fd00:1::1/64"]);
    expect(space.kernel.addresses(4).every((one) => one.family === 4)).toBe(true);
  });

  test("addAddress refuses the same IPv6 address with another prefix length", () => {
    using space = wired("other-length");
    expect(codeFrom(() => space.kernel.addAddress(space.a, "fd00:1::1/65"))).toBe("EEXIST");
  });

  test("deleteAddress takes it away; a missing one is success", () => {
    using space = wired("less");
    for (const _ of [1, 2]) space.kernel.deleteAddress(space.a, "10.0.1.1/24");
    expect(space.ip("-4", "addr", "show", "dev", "a")).toEqual([]);
  });
});

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
