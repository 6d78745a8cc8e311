import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestLab, until } from "../support/lab.ts";

let lab: TestLab;

beforeAll(async () => {
  lab = await TestLab.up("--hosts", "2", "--nics", "2", "--plugin", "macvlan");
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Applies a macvlan network of our pools and waits until it is there. */
async function network(name: string, subnet: string, ipam: object): Promise<void> {
  const file = join(lab.dir, `${name}.json`);
  const spec = {
    subnet,
    multiNICIPAM: true,
    ipam: JSON.stringify({ type: "multi-nic-ipam", vlanMode: "l2", ...ipam }),
    plugin: { cniVersion: "1.0.0", type: "macvlan", args: { mode: "bridge" } },
  };
  const object = {
    apiVersion: "multinic.fms.io/v1",
    kind: "MultiNicNetwork",
    metadata: { name },
    spec,
  };
  writeFileSync(file, JSON.stringify(object));
  await lab.do("lab", "apply", file);
}

/** Adds a pod and returns its addresses, in NIC order. */
async function add(pod: string, host: string, networks: object): Promise<string[]> {
  const words = ["--host", host, "--networks", JSON.stringify([networks])];
  const said = await lab.do("lab", "pod", "add", pod, ...words);
  return [...said.matchAll(/net1-\d+=(\S+)/g)].map(([, address = ""]) => address);
}

async function reach(from: string, addresses: readonly string[]): Promise<void> {
  for (const [n, address] of addresses.entries()) {
    const to = address.split("/")[0];
    expect(await lab.inPod(from, `ping -c 1 -W 5 -I net1-${n} ${to}`)).toContain(" 0% packet loss");
  }
}

test("excludeCIDRs skip a plane that they cover and keep the addresses that they touch; static ips are checked and recorded", async () => {
  const excludeCIDRs = ["172.20.0.0/29", "172.20.64.0/18"];
  await network("excl", "172.20.0.0/16", { hostBlock: 6, interfaceBlock: 2, excludeCIDRs });
  expect(await add("e1", "host1", { name: "excl" })).toEqual(["172.20.0.8/18", "172.20.128.1/18"]);
  const ips = ["172.20.0.50", "172.20.128.60/18"];
  const given = await add("e2", "host1", { name: "excl", ips });
  expect(given).toEqual(["172.20.0.50/18", "172.20.128.60/18"]);
  await reach("e1", given);
  const held = await until(
    "the mirror",
    () => lab.held(),
    (rows) => rows.length === 4,
  );
  expect(held).toContain("host1 172.20.0.50 e2");
  const refusals = [
    ["172.20.0.50", /another pod has it/],
    ["172.20.0.3", /it is excluded/],
    ["172.20.1.9", /outside 172\.20\.0\.0\/24; choose one of this host's pool/],
    ["fd00::1", /take no further IPv6 address/],
    ["nonsense", /no address; write one address for each NIC/],
  ] as const;
  for (const [ip, why] of refusals) {
    await expect(add("e3", "host1", { name: "excl", ips: [ip] })).rejects.toThrow(why);
  }
  for (const pod of ["e1", "e2"]) await lab.do("lab", "pod", "del", pod);
});

test("subnet \"\" shares the hosts' own networks: each host its block, never a host's address, nor what EC2 keeps", async () => {
  for (const host of ["host1", "host2"]) {
    const spec = { providerID: `aws:///eu-west-1a/i-${host}` };
    await lab.kubectl("patch", "node", host, "--type=merge", "-p", JSON.stringify({ spec }));
  }
  await network("own", "", { hostBlock: 4, interfaceBlock: 0 });
  await until(
    "the pools' excludes",
    () => lab.list("ippools", "-l", "netname=own,hostname=host1"),
    (pools) =>
      pools.length === 2 && pools.every(({ spec }) => String(spec["excludes"]).includes("/30")),
  );
  // .0 to .3 are EC2's, .1 and .2 the hosts' besides.
  expect(await add("o1", "host1", { name: "own" })).toEqual(["10.0.1.4/24", "10.0.2.4/24"]);
  const other = await add("o2", "host2", { name: "own" });
  expect(other).toEqual(["10.0.1.17/24", "10.0.2.17/24"]);
  await reach("o1", other);
  for (const pod of ["o1", "o2"]) await lab.do("lab", "pod", "del", pod);
});

test("zero blocks on unmanaged HostInterfaces without addresses: each host's own net is its podCIDR", async () => {
  for (const [i, host] of ["host1", "host2"].entries()) {
    const interfaces = ["eth1", "eth2"].map((interfaceName, n) => ({
      interfaceName,
      netAddress: `172.21.${2 * i + n}.0/24`,
      hostIP: "",
    }));
    const change = {
      metadata: { labels: { "multi-nic-unmanaged": "true" } },
      spec: { interfaces },
    };
    await lab.kubectl("patch", "hostinterface", host, "--type=merge", "-p", JSON.stringify(change));
  }
  await network("zero", "", { hostBlock: 0, interfaceBlock: 0 });
  await until(
    "the pools",
    () => lab.list("ippools", "-l", "netname=zero"),
    (pools) => pools.length === 4,
  );
  // The nodes are EC2's since the last test: the first four of each net are not to be had.
  expect(await add("z1", "host1", { name: "zero" })).toEqual(["172.21.0.4/24", "172.21.1.4/24"]);
  expect(await add("z2", "host2", { name: "zero" })).toEqual(["172.21.2.4/24", "172.21.3.4/24"]);
  const [own] = await lab.list("hostinterfaces");
  expect(own?.spec["interfaces"]).toMatchObject([{ netAddress: "172.21.0.0/24" }, {}]);
});
