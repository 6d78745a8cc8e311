import { describe, expect, test } from "bun:test";
import type { Cidr } from "../../../src/lib/api/kinds.ts";
import { type HostRoutesInput, planHostRoutes } from "../../../src/lib/plan/hostroutes.ts";
import type { HostRouteStep } from "../../../src/lib/plan/routediff.ts";
import { type HostRoute, type HostRule, sameSelection } from "../../../src/lib/plan/routes.ts";
import { routeStatus } from "../../../src/lib/plan/routestatus.ts";
import { type Random, random } from "../../support/random.ts";
import { dualStack, slice, workedExample } from "../../support/slices.ts";

const links = new Map([
  ["eth0", { index: 2, up: true }],
  ["eth1", { index: 3, up: true }],
  ["eth2", { index: 4, up: true }],
]);
const empty = { routes: [], rules: [] };

function input(slices: Cidr[], more: Partial<HostRoutesInput> = {}): HostRoutesInput {
  const names = [...new Set(slices.map((cidr) => cidr.spec.config.name))];
  return {
    hostName: "host1",
    links,
    networks: names.map((name) => ({
      name,
      slices: slices.filter((cidr) => cidr.spec.config.name === name),
      hostAccess: false,
    })),
    recorded: new Map(),
    named: [],
    attached: new Set(),
    kernel: empty,
    ...more,
  };
}

/** Says a route as `ip route show table` does, with interface names of `links`. */
function say(route: HostRoute): string {
  const [hop] = route.nexthops;
  const dev = [...links].find(([, link]) => link.index === hop?.oif)?.[0];
  const metric = route.metric === 0 ? "" : ` metric ${route.metric}`;
  return `${route.dst} via ${hop?.via} dev ${dev} proto ${route.protocol}${metric} table ${route.table}`;
}
const sayRule = (rule: HostRule) =>
  `${rule.priority}: from ${rule.src ?? "all"}${rule.dst ? ` to ${rule.dst}` : ""} lookup ${rule.table}`;
const sayStep = (step: HostRouteStep) =>
  "route" in step
    ? `${step.kind} ${say(step.route)}`
    : "rule" in step
      ? `${step.kind} ${sayRule(step.rule)}`
      : step.kind === "recordTable"
        ? `${step.kind} ${step.network} ${step.table}`
        : `${step.kind} ${step.network}`;
const steps = (of: HostRoutesInput) => planHostRoutes(of).steps.map(sayStep);

interface Node {
  routes: HostRoute[];
  rules: HostRule[];
  recorded: Map<string, number>;
}

/** The kernel's own rules for what is the same route (table, dst, metric) and the same rule, and nicd's record. */
function apply(node: Node, list: readonly HostRouteStep[]): void {
  const key = ({ table, dst, metric }: HostRoute) => `${table} ${dst} ${metric}`;
  const routes = new Map(node.routes.map((route) => [key(route), route]));
  for (const step of list) {
    switch (step.kind) {
      case "recordTable":
        node.recorded.set(step.network, step.table);
        break;
      case "releaseTable":
        node.recorded.delete(step.network);
        break;
      case "addRule":
        node.rules.push(step.rule);
        break;
      case "deleteRule":
        node.rules.splice(
          node.rules.findIndex(
            (rule) => sameSelection(rule, step.rule) && rule.priority === step.rule.priority,
          ),
          1,
        );
        break;
      case "delete":
        expect(routes.get(key(step.route))).toEqual(step.route);
        routes.delete(key(step.route));
        break;
      default:
        routes.set(key(step.route), step.route);
    }
  }
  node.routes = [...routes.values()];
}

function settled(of: HostRoutesInput): HostRoutesInput {
  const node: Node = {
    routes: [...of.kernel.routes],
    rules: [...of.kernel.rules],
    recorded: new Map(of.recorded),
  };
  apply(node, planHostRoutes(of).steps);
  return { ...of, kernel: node, recorded: node.recorded };
}

describe("planHostRoutes", () => {
  test("sets the worked example's rule and routes on host1, routes before the rule", () => {
    expect(steps(input([workedExample()]))).toEqual([
      "recordTable ipvlan-l3 30000",
      "add 192.168.1.0/24 via 10.0.1.2 dev eth1 proto 77 table 30000",
      "add 192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77 table 30000",
      "addRule 30000: from 192.168.0.0/16 lookup 30000",
    ]);
  });

  test("does the same for both families, and one more rule each with hostAccess", () => {
    const one = input([dualStack()]);
    const open = { ...one, networks: one.networks.map((net) => ({ ...net, hostAccess: true })) };
    expect(steps(open)).toEqual([
      "recordTable dual-stack 30000",
      "add 192.168.1.0/24 via 10.0.1.2 dev eth1 proto 77 table 30000",
      "add fd00:192:168:1::/64 via fd00:10:1::2 dev eth1 proto 77 metric 1024 table 30000",
      "add 192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77 table 30000",
      "add fd00:192:168:41::/64 via fd00:10:2::2 dev eth2 proto 77 metric 1024 table 30000",
      "addRule 30000: from 192.168.0.0/16 lookup 30000",
      "addRule 30000: from all to 192.168.0.0/16 lookup 30000",
      "addRule 30000: from fd00:192:168::/56 lookup 30000",
      "addRule 30000: from all to fd00:192:168::/56 lookup 30000",
    ]);
  });

  test("has nothing to do when nothing has changed, and one route when one host has", () => {
    const done = settled(input([workedExample()]));
    expect(steps(done)).toEqual([]);
    const third = slice("ipvlan-l3", ["host1", "host2", "host3"]);
    expect(steps({ ...done, networks: input([third]).networks })).toEqual([
      "add 192.168.2.0/24 via 10.0.1.3 dev eth1 proto 77 table 30000",
      "add 192.168.66.0/24 via 10.0.2.3 dev eth2 proto 77 table 30000",
    ]);
    const alone = slice("ipvlan-l3", ["host1"]);
    expect(steps({ ...done, networks: input([alone]).networks })).toEqual([
      "delete 192.168.1.0/24 via 10.0.1.2 dev eth1 proto 77 table 30000",
      "delete 192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77 table 30000",
    ]);
  });

  test("takes a changed gateway as one replace", () => {
    const done = settled(input([workedExample()]));
    const moved = workedExample();
    for (const host of moved.spec.cidr[0]?.hosts ?? [])
      if (host.hostName === "host2") host.hostIP = "10.0.1.99";
    expect(steps({ ...done, networks: input([moved]).networks })).toEqual([
      "replace 192.168.1.0/24 via 10.0.1.99 dev eth1 proto 77 table 30000",
    ]);
  });

  test("removes rule, routes and table of a network that is gone, rule first", () => {
    const done = settled(input([workedExample()]));
    expect(steps({ ...done, networks: [] })).toEqual([
      "deleteRule 30000: from 192.168.0.0/16 lookup 30000",
      "delete 192.168.1.0/24 via 10.0.1.2 dev eth1 proto 77 table 30000",
      "delete 192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77 table 30000",
      "releaseTable ipvlan-l3",
    ]);
    expect(settled({ ...done, networks: [] }).kernel).toMatchObject({ routes: [], rules: [] });
  });

  test("keeps everything of a network whose CIDR is away while pods are attached", () => {
    const done = settled(input([workedExample()]));
    const held = { ...done, networks: [], attached: new Set(["ipvlan-l3"]) };
    expect(steps(held)).toEqual([]);
    expect(planHostRoutes(held).names).toEqual([{ id: 30000, name: "ipvlan-l3" }]);
    const others = slice("ipvlan-l3", ["host2", "host3"]);
    expect(steps({ ...held, networks: input([others]).networks })).toEqual([]);
  });

  test("wants nothing through a link that is down or away, says so, and wants it again afterwards", () => {
    const done = settled(input([workedExample()]));
    for (const [link, why] of [
      [{ index: 4, up: false }, "eth2 is down: 1 routes wait for it"],
      [undefined, "eth2 is not there: 1 routes wait for it"],
    ] as const) {
      const down = new Map([...links].filter(([name]) => name !== "eth2"));
      if (link) down.set("eth2", link);
      const routes = done.kernel.routes.filter((route) => route.nexthops[0]?.oif !== 4);
      const cut = { ...done, links: down, kernel: { ...done.kernel, routes } };
      expect(steps(cut)).toEqual([]);
      const [network] = planHostRoutes(cut).networks;
      expect(network?.failures).toEqual([why]);
      expect(steps({ ...cut, links })).toEqual([
        "add 192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77 table 30000",
      ]);
    }
  });

  test("leaves out planes this host lacks, hosts without address, and everything when the host has no podCIDR", () => {
    const cidr = workedExample();
    const [plane1, plane2] = cidr.spec.cidr;
    if (!plane1 || !plane2) throw new Error("worked example has two planes");
    plane1.hosts = plane1.hosts.filter((host) => host.hostName !== "host1");
    expect(steps(input([cidr]))).toEqual([
      "recordTable ipvlan-l3 30000",
      "add 192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77 table 30000",
      "addRule 30000: from 192.168.0.0/16 lookup 30000",
    ]);
    for (const host of plane2.hosts) if (host.hostName === "host2") host.hostIP = "";
    expect(steps(input([cidr]))).toHaveLength(2);
    expect(steps(input([cidr], { hostName: "host9" }))).toEqual([]);
  });

  test("wants no route or rule in l2, but reports the podCIDRs", () => {
    const cidr = workedExample();
    cidr.spec.config.vlanMode = "l2";
    const plan = planHostRoutes(input([cidr]));
    expect(plan.steps).toEqual([]);
    expect(plan.networks[0]?.podCIDRs).toEqual(["192.168.0.0/24", "192.168.64.0/24"]);
  });

  test('never makes a rule without source: with subnet "" it is the own podCIDRs', () => {
    const cidr = workedExample();
    cidr.spec.config.subnet = "";
    expect(steps(input([cidr])).slice(3)).toEqual([
      "addRule 30000: from 192.168.0.0/24 lookup 30000",
      "addRule 30000: from 192.168.64.0/24 lookup 30000",
    ]);
    for (const subnet of ["0.0.0.0/0", "nonsense"]) {
      cidr.spec.config.subnet = subnet;
      const plan = planHostRoutes(input([cidr]));
      expect(plan.steps).toEqual([]);
      expect(plan.networks[0]?.failures).toHaveLength(1);
    }
  });

  test("makes no route to its own podCIDR where every host's is the plane itself (hostBlock 0)", () => {
    const cidr = workedExample();
    cidr.spec.config.subnet = "";
    for (const entry of cidr.spec.cidr) {
      entry.vlanCIDR = entry.netAddress;
      for (const host of entry.hosts) host.podCIDR = entry.netAddress;
    }
    expect(steps(input([cidr])).filter((step) => step.startsWith("add "))).toEqual([]);
  });

  test("names both hosts that claim one podCIDR and routes to the lower index", () => {
    const cidr = slice("ipvlan-l3", ["host1", "host2", "host3"]);
    for (const host of cidr.spec.cidr[0]?.hosts ?? [])
      if (host.hostName === "host3") host.podCIDR = "192.168.1.0/24";
    const plan = planHostRoutes(input([cidr]));
    expect(plan.networks[0]?.failures).toEqual([
      "podCIDR 192.168.1.0/24 is claimed by host2 and host3",
    ]);
    expect(plan.steps.map(sayStep)).toContain(
      "add 192.168.1.0/24 via 10.0.1.2 dev eth1 proto 77 table 30000",
    );
  });

  test("reads the own NIC from the slice that holds this host, for peers of every slice", () => {
    const first = slice("big", ["host1", "host2"]);
    const second = slice("big", ["host3"], { name: "big--s1", from: 16 });
    expect(steps(input([second, first])).filter((step) => step.includes(" dev eth1 "))).toEqual([
      "add 192.168.1.0/24 via 10.0.1.2 dev eth1 proto 77 table 30000",
      "add 192.168.16.0/24 via 10.0.1.17 dev eth1 proto 77 table 30000",
    ]);
    expect(planHostRoutes(input([second, first])).networks[0]?.observed).toEqual([
      "big@1",
      "big--s1@1",
    ]);
  });
});

describe("planHostRoutes and routing tables", () => {
  const foreignRoute: HostRoute = {
    family: 4,
    dst: "203.0.113.0/24",
    table: 30000,
    protocol: 4,
    type: 1,
    scope: 0,
    metric: 0,
    nexthops: [{ via: "10.0.1.254", oif: 3 }],
  };
  const rule = (more: Partial<HostRule>): HostRule => ({
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

  describe("with what v1.3.x left (samples/ipvlan-l3/host1.v13.txt)", () => {
    const old = (dst: string, via: string, oif: number): HostRoute => ({
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

test("routeStatus counts what was read back and names what is missing", () => {
  const plan = planHostRoutes(input([workedExample()]));
  const done = settled(input([workedExample()]));
  const of = { failures: new Map(), before: [], attached: new Set<string>() };
  const row = { name: "ipvlan-l3", wanted: 2, observed: ["ipvlan-l3@1"] };
  const podCIDRs = ["192.168.0.0/24", "192.168.64.0/24"];
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

describe("planHostRoutes, any host and any kernel", () => {
  test("settles in one step, touches nothing of others, and cleans up whole (10,000 seeded cases)", () => {
    for (let seed = 0; seed < 10_000; seed++) {
      const dice = random(seed);
      const of = anyInput(dice);
      const foreign = foreignOf(of);
      const done = settled(of);
      const again = planHostRoutes(done);
      if (again.steps.length > 0)
        throw new Error(`seed ${seed}: ${again.steps.map(sayStep).join("; ")}`);
      expect(foreignOf(done)).toEqual(foreign);
      for (const network of again.networks) {
        if (network.table === undefined) continue;
        const here = done.kernel.routes.filter((route) => route.table === network.table);
        const ours = here.filter((route) => route.protocol === 77);
        expect(ours.length).toBeLessThanOrEqual(network.routes.length);
        for (const route of ours) expect(route.nexthops[0]?.oif).toBeOneOf([3, 4]);
      }
      const gone = settled({ ...done, networks: [], attached: new Set() });
      expect(gone.recorded.size).toBe(0);
      expect(foreignOf(gone)).toEqual(foreign);
      expect(gone.kernel.routes.length + gone.kernel.rules.length).toBe(
        foreign.routes.length + foreign.rules.length,
      );
    }
  }, 60_000);

  test("plans 5,000 hosts × 8 planes by a set difference: one new host is eight steps", () => {
    const hosts = Array.from({ length: 5000 }, (_, i) => `host${i + 1}`);
    const many = new Map(
      Array.from({ length: 8 }, (_, p) => [`eth${p + 1}`, { index: p + 3, up: true }]),
    );
    const shape = { planes: 8, subnet: "10.0.0.0/8", interfaceBlock: 3, hostBlock: 13 };
    const before = settled(input([slice("big", hosts.slice(0, -1), shape)], { links: many }));
    expect(before.kernel.routes).toHaveLength(4998 * 8);
    const after = planHostRoutes({
      ...before,
      networks: input([slice("big", hosts, shape)]).networks,
    });
    expect(after.steps.map((step) => step.kind)).toEqual(new Array(8).fill("add"));
  });
});

/** Everything in the kernel that no network of ours wrote. */
function foreignOf(of: HostRoutesInput) {
  return {
    routes: of.kernel.routes.filter((route) => route.protocol === 4),
    rules: of.kernel.rules.filter((rule) => rule.priority < 1000),
  };
}

function anyInput(dice: Random): HostRoutesInput {
  const names = ["a", "b", "c"].slice(0, 1 + dice.int(3));
  const cidrs = names.map((name, i) => {
    const hosts = ["host1", "host2", "host3", "host4"].filter(() => dice.int(4) > 0);
    const cidr = slice(name, hosts, { subnet: `10.${100 + i}.0.0/16` });
    cidr.spec.config.vlanMode = dice.pick(["l3", "l3", "l3s", "l2"]);
    if (dice.int(8) === 0) cidr.spec.config.subnet = "";
    return cidr;
  });
  const recorded = new Map<string, number>();
  for (const name of ["a", "b", "gone"])
    if (dice.int(2) === 0) recorded.set(name, 30000 + recorded.size + dice.int(2) * 5);
  const routes = new Map<string, HostRoute>();
  for (let i = dice.int(12); i > 0; i--) {
    const table = 30000 + dice.int(7);
    const dst = `10.${100 + dice.int(3)}.${dice.int(5)}.0/24`;
    const hop = { via: `10.0.1.${dice.int(5)}`, oif: dice.pick([3, 4]) };
    const route = { family: 4 as const, dst, table, type: 1, scope: 0, metric: 0, nexthops: [hop] };
    routes.set(`${table} ${dst}`, { ...route, protocol: dice.pick([77, 77, 4]) });
  }
  const rules = Array.from({ length: dice.int(3) }, (_, i): HostRule => {
    const base = { family: 4 as const, protocol: 0, action: 1, src: `172.${16 + i}.0.0/16` };
    return { ...base, priority: 10 + dice.int(900), table: dice.pick([254, 30001, 30005, 7]) };
  });
  const up = () => dice.int(6) > 0;
  return input(cidrs, {
    links: new Map([
      ["eth1", { index: 3, up: up() }],
      ["eth2", { index: 4, up: up() }],
    ]),
    recorded,
    kernel: { routes: dice.shuffle([...routes.values()]), rules },
  });
}
