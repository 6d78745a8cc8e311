import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestLab, until } from "../support/lab.ts";

let lab: TestLab;

beforeAll(async () => {
  const shape = ["--hosts", "2", "--nics", "2", "--families", "4,6", "--no-network"];
  lab = await TestLab.up(...shape);
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Applies a macvlan network of our pools and waits until it is there. */
async function network(name: string, ipam: object, more: object): Promise<void> {
  const file = join(lab.dir, `${name}.json`);
  const spec = {
    multiNICIPAM: true,
    ipam: JSON.stringify({ type: "multi-nic-ipam", vlanMode: "l2", ...ipam }),
    plugin: { cniVersion: "1.0.0", type: "macvlan", args: { mode: "bridge" } },
    ...more,
  };
  const kind = { apiVersion: "multinic.fms.io/v1", kind: "MultiNicNetwork" };
  writeFileSync(file, JSON.stringify({ ...kind, metadata: { name }, spec }));
  await lab.do("lab", "apply", file);
}

/** Adds a pod and returns its addresses, those of a NIC with commas between. */
async function add(pod: string, host: string, networks: object): Promise<string[]> {
  const words = ["--host", host, "--networks", JSON.stringify([networks])];
  const said = await lab.do("lab", "pod", "add", pod, ...words);
  return [...said.matchAll(/net1-\d+=(\S+)/g)].map(([, addresses = ""]) => addresses);
}

async function reach(from: string, nics: readonly string[]): Promise<void> {
  for (const [n, addresses] of nics.entries()) {
    for (const address of addresses.split(",")) {
      const to = address.split("/")[0];
      const said = await lab.inPod(from, `ping -c 1 -W 5 -I net1-${n} ${to}`);
      expect(said).toContain(" 0% packet loss");
    }
  }
}

test("excludeCIDRs and static ips of both families: blocks that are skipped, addresses that are kept, faults by name", async () => {
  const excludeCIDRs = ["172.20.0.0/29", "fd00:20::/125", "fd00:20:0:40::/58"];
  const subnet = "172.20.0.0/16,fd00:20::/56";
  await network("excl", { hostBlock: 6, interfaceBlock: 2, excludeCIDRs }, { subnet });
  const first = ["172.20.0.8/18,fd00:20::8/58", "172.20.128.1/18,fd00:20:0:80::1/58"];
  expect(await add("e1", "host1", { name: "excl" })).toEqual(first);
  const ips = ["172.20.0.50", "fd00:20::50", "172.20.128.60", "fd00:20:0:80::60"];
  const given = await add("e2", "host1", { name: "excl", ips });
  expect(given).toEqual(["172.20.0.50/18,fd00:20::50/58", "172.20.128.60/18,fd00:20:0:80::60/58"]);
  await reach("e1", given);
  const held = await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 8,
  );
  expect(held).toContain("host1 fd00:20:0:80::60 e2");
  const refusals = [
    ["fd00:20::50", /another pod has it/],
    ["fd00:20::3", /it is excluded/],
    ["fd00:20:0:1::9", /outside fd00:20::\/64; choose one of this host's pool/],
    ["fd00:20::5::1", /no address; write one address for each NIC/],
  ] as const;
  for (const [ip, why] of refusals) {
    await expect(add("e3", "host1", { name: "excl", ips: [ip] })).rejects.toThrow(why);
  }
  for (const pod of ["e1", "e2"]) await lab.do("lab", "pod", "del", pod);
});

test('subnet "" shares the hosts\' own networks of both families, without what EC2 keeps', async () => {
  for (const host of ["host1", "host2"]) {
    const spec = { providerID: `aws:///eu-west-1a/i-${host}` };
    await lab.kubectl("patch", "node", host, "--type=merge", "-p", JSON.stringify({ spec }));
  }
  await network("own", { hostBlock: 4, interfaceBlock: 0 }, { subnet: "" });
  await until(
    "the pools' excludes",
    () => lab.list("ippools", "-l", "netname=own,hostname=host1"),
    (pools) =>
      pools.length === 4 && pools.every(({ spec }) => /\/(30|126)/.test(String(spec["excludes"]))),
  );
  const own = ["10.0.1.4/24,fd00:10:1::4/64", "10.0.2.4/24,fd00:10:2::4/64"];
  expect(await add("o1", "host1", { name: "own" })).toEqual(own);
  const other = await add("o2", "host2", { name: "own" });
  expect(other).toEqual([
    "10.0.1.17/24,fd00:10:1:0:1000::1/64",
    "10.0.2.17/24,fd00:10:2:0:1000::1/64",
  ]);
  await reach("o1", other);
  for (const pod of ["o1", "o2"]) await lab.do("lab", "pod", "del", pod);
});

test("zero blocks on unmanaged HostInterfaces without addresses, IPv6 alone: each host's own net is its podCIDR", async () => {
  for (const [i, host] of ["host1", "host2"].entries()) {
    const interfaces = ["eth1", "eth2"].map((interfaceName, n) => ({
      interfaceName,
      netAddress: `fd00:21:${2 * i + n}::/64`,
      hostIP: "",
    }));
    const labels = { "multi-nic-unmanaged": "true" };
    const change = { metadata: { labels }, spec: { interfaces } };
    await lab.kubectl("patch", "hostinterface", host, "--type=merge", "-p", JSON.stringify(change));
  }
  await network("zero", { hostBlock: 0, interfaceBlock: 0 }, { subnet: "" });
  await until(
    "the pools",
    () => lab.list("ippools", "-l", "netname=zero"),
    (pools) => pools.length === 4,
  );
  // The nodes are EC2's since the last test: the first four of each net are not to be had.
  const one = ["fd00:21::4/64", "fd00:21:1::4/64"];
  expect(await add("z1", "host1", { name: "zero" })).toEqual(one);
  const two = ["fd00:21:2::4/64", "fd00:21:3::4/64"];
  expect(await add("z2", "host2", { name: "zero" })).toEqual(two);
});
