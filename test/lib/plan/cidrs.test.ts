import { expect, test } from "bun:test";
import type { Cidr } from "../../../src/lib/api/kinds.ts";
import { networkConfig, World } from "../../support/plan-world.ts";

const A = "10.0.1.0/24";
const B = "10.0.2.0/24";

function twoHosts(): World {
  const world = new World(networkConfig());
  world.join("host1", [A, B]);
  world.join("host2", [A, B]);
  world.converge();
  return world;
}

/** Gives a pod an address of the pool. */
function allocate(world: World, podCIDR: string): void {
  const pool = world.pools.find((p) => p.spec.podCIDR === podCIDR);
  if (!pool) throw new Error(`no pool ${podCIDR}`);
  pool.spec.allocations.push({ pod: "p", namespace: "default", index: 1, address: "x" });
}

function report(world: World, host: string, podCIDRs: string[]): void {
  const at = world.hosts.find((h) => h.spec.hostName === host);
  if (at)
    at.status = { networks: [{ name: "net", wanted: 0, applied: 0, failures: [], podCIDRs }] };
}

const pods = (world: World) =>
  world.held().map((row) =>
    row
      .split(" ")
      .filter((_, i) => i !== 2 && i !== 3)
      .join(" "),
  );

const workedPods = [
  "host1 10.0.1.0/24 192.168.0.0/24",
  "host1 10.0.2.0/24 192.168.64.0/24",
  "host2 10.0.1.0/24 192.168.1.0/24",
  "host2 10.0.2.0/24 192.168.65.0/24",
];

test("planCidrs numbers a new host after the highest, and takes the lowest free index when the blocks are full", () => {
  const world = new World(networkConfig({ hostBlock: 2 }));
  for (const name of ["a", "b", "c"]) world.join(name, [A]);
  world.converge();
  world.leave("a");
  world.join("d", [A]);
  world.converge();
  world.join("e", [A]);
  world.converge();
  expect(pods(world)).toEqual([
    "b 10.0.1.0/24 192.168.16.0/20",
    "c 10.0.1.0/24 192.168.32.0/20",
    "d 10.0.1.0/24 192.168.48.0/20",
    "e 10.0.1.0/24 192.168.0.0/20",
  ]);
  world.join("f", [A]);
  expect(world.converge().faults).toEqual([
    {
      path: "spec.ipam.hostBlock",
      problem:
        "2 bits number 4 hosts; 4 are taken in 192.168.0.0/16 and f found none left: 3 bits would fit",
    },
  ]);
});

test("planCidrs says which block is too small for the planes and what would fit", () => {
  const world = new World(networkConfig({ interfaceBlock: 1, masterNets: [A, B, "10.0.3.0/24"] }));
  world.join("host1", [A, B, "10.0.3.0/24"]);
  const { faults } = world.converge();
  expect(faults.map((f) => f.path)).toEqual(["spec.ipam.interfaceBlock"]);
  expect(faults[0]?.problem).toContain("10.0.3.0/24; 2 bits would fit");
  expect(pods(world)).toHaveLength(2);
});

test("planCidrs keeps a host's rows while its HostInterface is gone or empty, and gives them up with the node", () => {
  const world = twoHosts();
  const [host1] = world.hosts;
  world.hosts = world.hosts.slice(1);
  expect(world.plan().steps).toEqual([]);
  if (host1) world.hosts.push({ ...host1, spec: { hostName: "host1", interfaces: [] } });
  expect(world.plan().steps).toEqual([]);
  world.leave("host1");
  world.converge();
  expect(pods(world)).toEqual(workedPods.slice(2));
});

test("planCidrs gives up a plane's row when the NIC left the HostInterface, but not while pods hold its addresses", () => {
  const world = twoHosts();
  const host1 = world.hosts.find((h) => h.spec.hostName === "host1");
  host1?.spec.interfaces.splice(1, 1);
  allocate(world, "192.168.64.0/24");
  expect(world.plan().steps).toEqual([]);
  for (const pool of world.pools) pool.spec.allocations = [];
  world.converge();
  expect(pods(world)).toEqual(workedPods.filter((row) => !row.startsWith("host1 10.0.2")));
  host1?.spec.interfaces.splice(0, 1, { interfaceName: "eth9" });
  expect(world.plan().steps).toEqual([]);
});

test("planCidrs reclaims nothing while the live nodes are not known", () => {
  const world = twoHosts();
  world.nodes = undefined;
  world.hosts = [];
  expect(world.plan().steps).toEqual([]);
  world.join("host3", [A]);
  world.converge();
  expect(pods(world)).toEqual([...workedPods, "host3 10.0.1.0/24 192.168.2.0/24"]);
});

test("planCidrs rebuilds lost slices from IPPools, before a new host gets an index", () => {
  const world = new World(networkConfig());
  for (const name of ["gone", "host1", "host2"]) world.join(name, [A, B]);
  world.converge();
  world.leave("gone");
  world.converge();
  const lost = world.held();
  world.slices = [];
  world.join("aaa", [A, B]);
  world.converge();
  expect(world.held().filter((row) => !row.startsWith("aaa"))).toEqual(lost);
});

test("planCidrs rebuilds lost slices and pools from the podCIDRs that hosts report", () => {
  const world = new World(networkConfig());
  for (const name of ["gone", "host1", "host2"]) world.join(name, [A, B]);
  world.converge();
  world.leave("gone");
  world.converge();
  const lost = world.held();
  report(world, "host1", ["192.168.1.0/24", "192.168.65.0/24"]);
  report(world, "host2", ["192.168.2.0/24", "192.168.66.0/24"]);
  world.slices = [];
  world.pools = [];
  expect(world.converge().notes).toHaveLength(2);
  expect(world.held()).toEqual(lost);
});

test.each([
  ["subnet", { subnet: "172.16.0.0/16" }],
  ["hostBlock", { hostBlock: 7 }],
  ["excludeCIDRs", { excludeCIDRs: ["192.168.0.0/24"] }],
])(
  "planCidrs refuses a change of %s under pods and goes on with the old plan",
  (_field, change) => {
    const world = twoHosts();
    allocate(world, "192.168.0.0/24");
    world.config = networkConfig(change);
    const refused = world.converge();
    expect(refused.faults.map((f) => f.path)).toEqual(["spec.subnet"]);
    expect(refused.faults[0]?.problem).toContain("pods on host1 hold addresses of 192.168.0.0/24");
    expect(refused.steps).toEqual([]);
    world.join("host3", [A]);
    world.converge();
    expect(pods(world)).toEqual([...workedPods, "host3 10.0.1.0/24 192.168.2.0/24"]);
  },
);

test("planCidrs lays everything out anew when nothing is allocated", () => {
  const world = twoHosts();
  world.config = networkConfig({ subnet: "172.16.0.0/16", hostBlock: 7 });
  expect(world.converge().faults).toEqual([]);
  expect(pods(world)[3]).toBe("host2 10.0.2.0/24 172.16.64.128/25");
  expect(world.pools.map((p) => p.spec.podCIDR).sort()).toEqual(
    pods(world)
      .map((row) => row.split(" ")[2] ?? "")
      .sort(),
  );
});

test("planCidrs refuses hostBlock 0 with several hosts on a plane, naming them", () => {
  const world = new World(networkConfig({ hostBlock: 0 }));
  world.join("host1", [A]);
  expect(world.converge().faults).toEqual([]);
  world.join("host2", [A]);
  const { faults, steps } = world.plan();
  expect(steps).toEqual([]);
  expect(faults[0]?.path).toBe("spec.ipam.hostBlock");
  expect(faults[0]?.problem).toContain(
    "10.0.1.0/24 is claimed by host1, host2: it stays with host1",
  );
});

test("planCidrs names both hosts of a podCIDR claimed twice and leaves pods where they are", () => {
  const world = twoHosts();
  for (const entry of world.slices[0]?.spec.cidr ?? []) {
    for (const host of entry.hosts) {
      host.hostIndex = 0;
      host.podCIDR = entry.hosts[0]?.podCIDR ?? "";
    }
  }
  allocate(world, "192.168.0.0/24");
  const { faults } = world.plan();
  expect(faults[0]?.problem).toContain(
    "192.168.0.0/24 is claimed by host1 and by host2: it stays with host1",
  );
});

test("planCidrs lists one plane per rail, ordered by PCI address, and one NIC per net without rails", () => {
  const world = new World(networkConfig());
  world.join("host1", [A, A]);
  const names = () =>
    world.slices.flatMap((s) =>
      s.spec.cidr.map(
        (e) => `${e.netAddress} ${e.interfaceIndex} ${e.hosts.map((h) => h.interfaceName)}`,
      ),
    );
  world.hosts[0]?.spec.interfaces.reverse();
  world.converge();
  expect(names()).toEqual(["10.0.1.0/24 0 eth1"]);
  world.rails = true;
  world.converge();
  expect(names()).toEqual(["10.0.1.0/24 0 eth1", "10.0.1.0/24 1 eth2"]);
  expect(world.plan().masterNets).toEqual([A]);
});

test("planCidrs refuses nets that overlap where pods take addresses of the nets themselves", () => {
  const world = new World(networkConfig({ subnet: "", hostBlock: 4, interfaceBlock: 0 }));
  world.join("host1", ["10.0.0.0/16"]);
  world.converge();
  world.join("host2", ["10.0.3.0/24"]);
  const { faults, steps } = world.plan();
  expect(faults[0]?.problem).toContain("10.0.3.0/24 overlaps 10.0.0.0/16");
  expect(steps).toEqual([]);
});

test("planCidrs cuts an object of v1.3.1 into slices without moving a podCIDR, the first slice last", () => {
  const world = new World(networkConfig());
  for (let i = 0; i < 40; i++) world.join(`host${i}`, [A, B]);
  const wanted = world.plan().slices;
  const entries = new Map<string, Cidr["spec"]["cidr"][number]>();
  for (const entry of wanted.flatMap((s) => s.spec.cidr).reverse()) {
    const found = entries.get(entry.netAddress);
    if (found) found.hosts.push(...entry.hosts);
    else entries.set(entry.netAddress, structuredClone(entry));
  }
  const [first] = wanted;
  if (!first) throw new Error("no slice");
  world.slices = [
    {
      ...first,
      metadata: {
        name: "net",
        resourceVersion: "7",
        finalizers: ["finalizers.cidr.multinic.fms.io"],
      },
      spec: { config: first.spec.config, cidr: [...entries.values()] },
    },
  ];
  const { steps } = world.plan();
  expect(steps.map((s) => `${s.op} ${s.object.metadata.name}`)).toEqual([
    "create net--s1",
    "create net--s2",
    "replace net",
  ]);
  expect(steps[2]?.object.metadata).toEqual({
    name: "net",
    resourceVersion: "7",
    finalizers: ["finalizers.cidr.multinic.fms.io"],
    labels: { netname: "net" },
    annotations: { "multinic.fms.io/slice": "hosts=16" },
  });
  world.converge();
  expect(world.held()).toHaveLength(80);
  expect(world.plan().slices.map((s) => s.spec)).toEqual(wanted.map((s) => s.spec));
});

test("planCidrs changes one slice when one of 2,000 hosts joins, and slices stay within 32 KB", () => {
  const nets = [1, 2, 3, 4, 5, 6, 7, 8].map((p) => `10.0.${p}.0/24`);
  const world = new World(
    networkConfig({ subnet: "172.16.0.0/12", interfaceBlock: 3, hostBlock: 12 }),
  );
  for (let i = 0; i < 2000; i++) world.join(`worker-${i}.example.internal`, nets, i % 250);
  world.slices = structuredClone(world.plan().slices);
  for (const slice of world.slices)
    expect(JSON.stringify(slice).length).toBeLessThanOrEqual(32 * 1024);
  world.join("newcomer", nets, 7);
  expect(world.plan().steps.map((s) => `${s.op} ${s.object.metadata.name}`)).toEqual([
    "create net--s125",
  ]);
  world.slices.push(...world.plan().steps.map((s) => s.object));
  world.join("second", nets, 8);
  expect(world.plan().steps.map((s) => `${s.op} ${s.object.metadata.name}`)).toEqual([
    "replace net--s125",
  ]);
});
