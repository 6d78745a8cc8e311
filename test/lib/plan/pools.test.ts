import { expect, test } from "bun:test";
import { labelValue, poolNameOf } from "../../../src/lib/plan/names.ts";
import { planPools } from "../../../src/lib/plan/pools.ts";
import { networkConfig, sha256, World } from "../../support/plan-world.ts";

const A = "10.0.1.0/24";

function twoHosts(change = {}): World {
  const world = new World(networkConfig(change));
  world.join("host1", [A]);
  world.join("host2", [A]);
  world.converge();
  return world;
}

test("planPools keeps out partial excludes, host addresses and gateways, sorted, none inside another", () => {
  const world = twoHosts({
    subnet: "",
    hostBlock: 4,
    interfaceBlock: 0,
    excludeCIDRs: ["10.0.1.8/29", "10.0.1.9", "10.0.1.32/28"],
  });
  world.pools = [];
  const made = world
    .planPools(["10.0.1.3", "192.0.2.1"])
    .flatMap((s) => (s.op === "create" ? [s.object] : []));
  expect(made.map((p) => [p.spec.podCIDR, p.spec.excludes])).toEqual([
    ["10.0.1.0/28", ["10.0.1.1/32", "10.0.1.2/32", "10.0.1.3/32", "10.0.1.8/29"]],
    ["10.0.1.16/28", []],
  ]);
});

test("planPools updates with a merge patch that never names allocations", () => {
  const world = twoHosts();
  const [pool] = world.pools;
  if (!pool) throw new Error("no pool");
  pool.metadata.resourceVersion = "9";
  pool.spec.interfaceName = "old";
  pool.spec.allocations = [{ pod: "p", namespace: "n", index: 1, address: "192.168.0.1" }];
  const steps = world.planPools();
  expect(steps).toEqual([
    {
      op: "update",
      name: "net-192.168.0.0-24",
      patch: {
        metadata: { resourceVersion: "9", labels: { hostname: "host1", netname: "net" } },
        spec: {
          netAttachDef: "net",
          hostName: "host1",
          interfaceName: "eth1",
          podCIDR: "192.168.0.0/24",
          vlanCIDR: "192.168.0.0/18",
          excludes: [],
        },
      },
    },
  ]);
  expect(JSON.stringify(steps)).not.toContain("allocations");
});

test("planPools deletes an unwanted pool only when it is reported empty or its node is gone", () => {
  const world = twoHosts();
  const deleted = (change: Partial<Parameters<typeof planPools>[0]> = {}) =>
    planPools({
      network: "net",
      slices: [],
      pools: world.pools,
      hostInterfaces: world.hosts,
      liveNodes: new Set(["host1", "host2"]),
      gateways: [],
      cloudReserved: () => [],
      sha256,
      ...change,
    }).map((step) => (step.op === "delete" ? step.name : step.op));
  const both = ["net-192.168.0.0-24", "net-192.168.1.0-24"];
  expect(deleted()).toEqual(both);
  world.pools[0]?.spec.allocations.push({
    pod: "p",
    namespace: "n",
    index: 1,
    address: "192.168.0.1",
  });
  const [, host2] = world.hosts;
  if (host2) {
    host2.status = {
      networks: [
        { name: "net", wanted: 0, applied: 0, failures: [], podCIDRs: ["192.168.1.0/24"] },
      ],
    };
  }
  expect(deleted()).toEqual([]);
  expect(deleted({ liveNodes: undefined })).toEqual([]);
  expect(deleted({ liveNodes: new Set(["host2"]) })).toEqual(["net-192.168.0.0-24"]);
  expect(deleted({ network: "other" })).toEqual([]);
});

test("planPools makes a pool anew when its podCIDR went to another host", () => {
  const world = twoHosts({ hostBlock: 1 });
  world.leave("host1");
  world.join("host3", [A]);
  const plan = world.plan();
  world.slices = plan.slices;
  expect(
    world
      .planPools()
      .map((s) => (s.op === "create" ? `create ${s.object.spec.hostName}` : `${s.op} ${s.name}`)),
  ).toEqual(["delete net-192.168.0.0-19", "create host3"]);
});

test("labelValue and poolNameOf: long names are cut with a hash, IPv6 is written in full", () => {
  const long = "n".repeat(64);
  expect(labelValue("n".repeat(63), sha256)).toBe("n".repeat(63));
  expect(labelValue(long, sha256)).toBe(`${"n".repeat(54)}-${sha256(long).slice(0, 8)}`);
  expect(poolNameOf("net", "fd00:192:168:1::/64")).toBe(
    "net-fd00-0192-0168-0001-0000-0000-0000-0000-64",
  );
});
