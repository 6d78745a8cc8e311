import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { multinic, TestLab, until } from "../support/lab.ts";

/** One host like an HGX H100 machine: eth1–eth8 one below each GPU's switch (400 Gbit/s), eth9 and eth10 BlueField-3 (200). */
let lab: TestLab;

const network = (name: string, strategy: string, n: number) => `
apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata: { name: ${name} }
spec:
  subnet: 172.${16 + n}.0.0/16
  ipam: '{"type": "multi-nic-ipam", "hostBlock": 6, "interfaceBlock": 4, "vlanMode": "l2"}'
  multiNICIPAM: true
  plugin: { cniVersion: "1.0.0", type: macvlan, args: { mode: bridge } }
  attachPolicy: { strategy: ${strategy} }
`;
const strategies = ["none", "devClass", "topology", "costOpt", "perfOpt"];

beforeAll(async () => {
  lab = await TestLab.up(
    "--hosts",
    "1",
    "--machine",
    "h100",
    "--plugin",
    "macvlan",
    "--no-network",
  );
  const file = join(lab.dir, "networks.yaml");
  const dpu = `
apiVersion: multinic.fms.io/v1
kind: DeviceClass
metadata: { name: dpu }
spec: { ids: [{ vendor: 15b3, products: [a2dc] }] }
`;
  const networks = strategies.map((strategy, i) => network(strategy.toLowerCase(), strategy, i));
  writeFileSync(file, [dpu, ...networks].join("---"));
  await lab.do("lab", "apply", file);
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Adds a pod and returns the host NICs that its links hang off, in the order of net1-0, net1-1, …, as the kernel has it. */
async function mastersOf(
  pod: string,
  net: string,
  cniArgs: object,
  limits = "",
): Promise<string[]> {
  const networks = JSON.stringify([{ name: net, "cni-args": cniArgs }]);
  await lab.do("lab", "pod", "add", pod, "--networks", networks, "--limits", limits);
  return links(pod);
}

async function links(pod: string): Promise<string[]> {
  interface Link {
    ifname: string;
    ifindex: number;
    link_index?: number;
  }
  const read = (text: string) => JSON.parse(text) as Link[];
  const host = read(await lab.on("host1", "ip -j link show"));
  const own = read(await lab.inPod(pod, "ip -j link show")).filter((link) => link.ifname !== "lo");
  own.sort((a, b) => a.ifname.localeCompare(b.ifname, "en", { numeric: true }));
  return own.map((link) => host.find((nic) => nic.ifindex === link.link_index)?.ifname ?? "?");
}

const explain = (...words: string[]) =>
  lab.try("lab", "exec", "--host", "host1", "--", multinic, "explain", ...words);
const gone = (pod: string) => lab.do("lab", "pod", "del", pod);

test("none: every plane in order, cut to nics", async () => {
  expect(await mastersOf("n1", "none", { nics: 3 })).toEqual(["eth1", "eth2", "eth3"]);
  await gone("n1");
});

test("devClass: the NICs of the class only", async () => {
  expect(await mastersOf("d1", "devclass", { class: "dpu" })).toEqual(["eth9", "eth10"]);
  await gone("d1");
});

test("topology: the NIC below the switch of each GPU that the kubelet gave to the pod", async () => {
  expect(await mastersOf("t1", "topology", { nics: 2 }, "nvidia.com/gpu=2")).toEqual([
    "eth1",
    "eth2",
  ]);
  // The next three GPUs: two on the first socket, one on the second.
  expect(await mastersOf("t2", "topology", { nics: 3 }, "nvidia.com/gpu=3")).toEqual([
    "eth3",
    "eth4",
    "eth5",
  ]);
  // One GPU of the second socket: its own NIC, then others of its NUMA node, never one of the first.
  const more = await mastersOf("t3", "topology", { nics: 3 }, "nvidia.com/gpu=1");
  expect(more[0]).toBe("eth6");
  expect(["eth5", "eth7", "eth8", "eth10"]).toEqual(expect.arrayContaining(more.slice(1)));
  const { out } = await explain("--pod", "default/t3");
  expect(out).toContain("net1-0 on eth6 0000:c0:00.0");
  expect(out).toContain("eth6 is closest to GPU 0000:c3:00.0 (same NUMA node, 4 PCIe links)");
  for (const pod of ["t1", "t2", "t3"]) await gone(pod);
  expect(await mastersOf("t4", "topology", { nics: 1 })).toEqual(["eth1"]);
  await gone("t4");
});

test("costOpt: the slowest that carries the target, until it is full; refused when nothing is left", async () => {
  expect(await mastersOf("c1", "costopt", { target: "150Gbps" })).toEqual(["eth9"]);
  expect(await mastersOf("c2", "costopt", { target: "50Gbps" })).toEqual(["eth9"]);
  expect(await mastersOf("c3", "costopt", { target: "50Gbps" })).toEqual(["eth10"]);
  expect(await mastersOf("c4", "costopt", { target: "300Gbps" })).toEqual(["eth1"]);
  expect(await mastersOf("c5", "costopt", { target: "500Gbps", nics: 2 })).toEqual([
    "eth2",
    "eth10",
  ]);
  const networks = JSON.stringify([
    { name: "costopt", "cni-args": { target: "900Gbps", nics: 2 } },
  ]);
  const refused = await lab.try("lab", "pod", "add", "c6", "--networks", networks);
  expect(refused.code).toBe(1);
  expect(refused.err).toContain("No NICs for network costopt carry 900Gbps");
  await until(
    "the Event",
    () => lab.kubectl("get", "events", "-n", "default"),
    (events) => /NoBandwidth\s.*c6\s.*costopt carry 900Gbps/.test(events),
  );
  const told = await explain("--pod", "default/c6");
  expect(told.code).toBe(1);
  expect(told.out).toContain("network costopt: refused on host1");
  expect(told.out).toContain("eth9 0Kbps free of 200Gbps, 200Gbps promised");
  // What leaves gives its promise back.
  await gone("c1");
  expect(await mastersOf("c7", "costopt", { target: "150Gbps" })).toEqual(["eth9"]);
  for (const pod of ["c2", "c3", "c4", "c5", "c7"]) await gone(pod);
});

test("perfOpt: the freest NICs, spread by what was promised", async () => {
  const args = { target: "200Gbps", nics: 2 };
  expect(await mastersOf("p1", "perfopt", args)).toEqual(["eth1", "eth2"]);
  expect(await mastersOf("p2", "perfopt", args)).toEqual(["eth3", "eth4"]);
  const all = await mastersOf("p3", "perfopt", { target: "1000Gbps" });
  expect(all.slice(0, 4)).toEqual(["eth5", "eth6", "eth7", "eth8"]);
  expect(all).toHaveLength(10);
  const { out } = await explain("--pod", "default/p1");
  expect(out).toMatch(/net1-0 on eth1 0000:18:00\.0, promised 100Gbps/);
  for (const pod of ["p1", "p2", "p3"]) await gone(pod);
});

test("explain --dry-run chooses with any annotation and records nothing, on the node and from objects", async () => {
  const annotation = JSON.stringify([{ name: "costopt", "cni-args": { target: "350Gbps" } }]);
  const onNode = await explain("--networks", annotation);
  expect(onNode.code).toBe(0);
  expect(onNode.out).toContain("network costopt: on host1 now");
  expect(onNode.out).toMatch(
    / 0 +eth1 +10\.0\.1\.0\/24 +0 +400Gbps +0Kbps +400Gbps +is in the cheapest set/,
  );
  expect(onNode.out).toMatch(/ - +eth9 .* the target fits without it/);
  const far = await explain("--networks", annotation, "--node", "host1");
  expect(far.out).toContain("eth1 350Gbps (400Gbps free of 400Gbps)");
  expect(far.err).toContain(
    "computed from objects; not known here: bandwidth promised to pods of that node",
  );
  const bad = await explain(
    "--networks",
    JSON.stringify([{ name: "costopt", "cni-args": { target: "much" } }]),
  );
  expect(bad.code).toBe(2);
  expect(await lab.held()).toEqual([]);
  // What it says is what the pod then gets.
  expect(await mastersOf("e1", "costopt", { target: "350Gbps" })).toEqual(["eth1"]);
  const { code, out } = await explain("--pod", "default/e1", "--dry-run", "-o", "json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    from: "nicd",
    node: "host1",
    tries: [{ chosen: [{ master: "eth1" }] }],
  });
  // Another pod finds the NIC promised.
  const next = await explain("--networks", annotation, "-o", "json");
  expect(JSON.parse(next.out)).toMatchObject({ tries: [{ chosen: [{ master: "eth2" }] }] });
  await gone("e1");
});
