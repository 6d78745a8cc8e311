import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { addFunction, removeFunction } from "../../src/lib/lab/sysfs.ts";
import { TestLab, until } from "../support/lab.ts";

let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.routed();
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Rows of the plan as `host index podCIDR`. */
async function plan(): Promise<string[]> {
  type Entry = { hosts: { hostName: string; hostIndex: number; podCIDR: string }[] };
  return (await lab.list("cidrs"))
    .flatMap(({ spec }) => (spec["cidr"] as Entry[]).flatMap((entry) => entry.hosts))
    .map((row) => `${row.hostName} ${row.hostIndex} ${row.podCIDR}`)
    .sort();
}

async function nics(host: string): Promise<string[]> {
  const found = (await lab.list("hostinterfaces")).find((one) => one.metadata.name === host);
  return ((found?.spec["interfaces"] ?? []) as { interfaceName: string }[]).map(
    (row) => row.interfaceName,
  );
}

function routed(): Promise<unknown> {
  return until(
    "routeStatus Success",
    () => lab.list("multinicnetworks"),
    ([one]) => one?.status?.["routeStatus"] === "Success",
  );
}

test("a NIC that loses its carrier keeps its block; when it is back so are its routes", async () => {
  await routed();
  const before = await plan();
  const routes = await lab.routes("host1");
  await lab.on("host1", "ip link set eth1 down");
  await until(
    "eth1's routes to go",
    () => lab.routes("host1"),
    (now) => now.length === 3,
  );
  const failed = await until(
    "routeStatus Failed",
    () => lab.list("multinicnetworks"),
    ([one]) => one?.status?.["routeStatus"] === "Failed",
  );
  expect(String(failed[0]?.status?.["message"])).toMatch(/host1: .*eth1 is down/);
  expect(await plan()).toEqual(before);
  await lab.on("host1", "ip link set eth1 up");
  await until(
    "the routes",
    () => lab.routes("host1"),
    (now) => now.join() === routes.join(),
  );
  await routed();
  expect(await plan()).toEqual(before);
});

test("a NIC that is unplugged leaves its HostInterface, and finds blocks and routes as they were when it is back", async () => {
  const before = await plan();
  const routes = await lab.routes("host2");
  const sys = join(lab.dir, "host2", "sys");
  const pciAddress = "0000:00:05.0";
  removeFunction(sys, "eth2", pciAddress);
  await lab.on("host2", "ip netns add shelf; ip link set eth2 netns shelf");
  await until(
    "eth2 to go",
    () => nics("host2"),
    (names) => names.join() === "eth1",
  );
  // Its block is not anybody else's meanwhile: the host's index and the plane's stay.
  expect((await plan()).filter((row) => !before.includes(row))).toEqual([]);
  addFunction(sys, "eth2", { pciAddress, numaNode: 1 });
  await lab.on(
    "host2",
    "ip -n shelf link set eth2 netns $$; ip netns del shelf; ip link set eth2 up; ip addr add 10.0.2.2/24 dev eth2",
  );
  await until(
    "eth2 to come",
    () => nics("host2"),
    (names) => names.join() === "eth1,eth2",
  );
  await until(
    "the routes",
    () => lab.routes("host2"),
    (now) => now.join() === routes.join(),
  );
  expect(await plan()).toEqual(before);
});

test("a network deleted with a pod attached: definitions go at once, routes stay until the last DEL, then all goes", async () => {
  await lab.do("lab", "pod", "add", "a", "--host", "host1");
  await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 2,
  );
  const routes = await lab.routes("host1");
  await lab.kubectl("delete", "multinicnetwork", "lab", "--wait=false");
  await until(
    "the definitions to go",
    () => lab.list("network-attachment-definitions"),
    (all) => all.length === 0,
  );
  const [left] = await until(
    "the message",
    () => lab.list("multinicnetworks"),
    ([one]) => String(one?.status?.["message"]).includes("default/a"),
  );
  expect(left?.status?.["message"]).toContain(
    "waiting for pods that still hold addresses: default/a",
  );
  expect(await lab.routes("host1")).toEqual(routes);
  await lab.do("lab", "pod", "del", "a");
  await until(
    "the network to go",
    () => lab.list("multinicnetworks"),
    (all) => all.length === 0,
  );
  for (const host of ["host1", "host2", "host3"]) expect(await lab.routes(host)).toEqual([]);
  expect(await lab.versions("cidrs", "ippools")).toEqual([]);
});

test("a node that leaves takes its HostInterface, rows, pools and the routes to it along; others stay", async () => {
  const manifest = {
    apiVersion: "multinic.fms.io/v1",
    kind: "MultiNicNetwork",
    metadata: { name: "again" },
    spec: {
      subnet: "192.168.0.0/16",
      ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}',
      multiNICIPAM: true,
      plugin: { cniVersion: "1.0.0", type: "macvlan", args: { mode: "bridge" } },
    },
  };
  await lab.on("host1", `echo '${JSON.stringify(manifest)}' | kubectl apply -f -`);
  await routed();
  const before = await plan();
  const routes = await lab.routes("host1");
  expect(routes).toHaveLength(5);
  const gone = before.find((row) => row.startsWith("host2"))?.split(" ")[2] ?? "";
  await lab.do("lab", "daemon", "kill", "--host", "host2");
  await lab.kubectl("delete", "node", "host2");
  await until("host2's rows to go", plan, (rows) => !rows.some((row) => row.startsWith("host2")));
  expect(await plan()).toEqual(before.filter((row) => !row.startsWith("host2")));
  await until(
    "host2's HostInterface to go",
    async () => (await lab.list("hostinterfaces")).map((one) => one.metadata.name),
    (names) => names.join(" ") === "host1 host3",
  );
  await until(
    "the routes to go",
    () => lab.routes("host1"),
    (now) => now.length === 3 && !now.some((route) => route.includes(gone)),
  );
  expect((await lab.routes("host1")).every((route) => routes.includes(route))).toBe(true);
  const pools = await until(
    "host2's pools to go",
    () => lab.list("ippools"),
    (all) => all.length === 4,
  );
  expect(pools.map((pool) => pool.spec["hostName"]).sort()).toEqual([
    "host1",
    "host1",
    "host3",
    "host3",
  ]);
});
