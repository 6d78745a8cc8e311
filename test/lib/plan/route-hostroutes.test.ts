import { describe, expect, test } from "bun:test";
import { planHostRoutes } from "../../../src/lib/plan/route-hostroutes.ts";
import { input, links, sayStep, settled, steps } from "../../support/hostroutes.ts";
import { dualStack, slice, workedExample } from "../../support/slices.ts";

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

  test("names a host address that is none, and sets the other routes", () => {
    const typo = workedExample();
    for (const host of typo.spec.cidr[0]?.hosts ?? [])
      if (host.hostName === "host2") host.hostIP = "10.0.1.2/24";
    const plan = planHostRoutes(input([typo]));
    expect(plan.steps.map(sayStep)).toContain(
      "add 192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77 table 30000",
    );
    expect(plan.networks[0]?.failures).toEqual([
      "podCIDR 192.168.1.0/24 via 10.0.1.2/24 of host2 on 10.0.1.0/24 is not an IPv4 route",
    ]);
  });

  test("takes a host address written otherwise than the kernel does for the same", () => {
    const done = settled(input([dualStack()]));
    const other = dualStack();
    for (const host of other.spec.cidr.flatMap((entry) => entry.hosts))
      if (host.hostIP === "fd00:10:1::2") host.hostIP = "FD00:10:1:0::2";
    expect(JSON.stringify(other)).toContain("FD00:10:1:0::2");
    expect(steps({ ...done, networks: input([other]).networks })).toEqual([]);
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
