import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { matrixNode } from "../support/attachmentmatrix.ts";
import { host1 } from "../support/attachments.ts";
import { type CniNode, cniNode, macvlanConfig } from "../support/cni.ts";
import { kernelHas, missing, type Scratch, scratch } from "../support/netns.ts";

const reference = "/usr/lib/cni/macvlan";
const able = kernelHas("macvlan") && existsSync(reference);
if (!existsSync(reference)) missing("the package containernetworking-plugins");
let at: CniNode;

beforeAll(async () => {
  // Without PCI addresses, so that host-device takes a NIC by its name.
  const nics = host1.map(({ pciAddress: _, ...nic }) => nic);
  if (able) at = await cniNode("cnip", { nics });
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

function names(pod: Scratch | CniNode["host"]): string[] {
  return pod.ip("link", "show").map((link) => String(link["ifname"]));
}

function ipsOf(result: Record<string, unknown>): string[] {
  const ips = Array.isArray(result["ips"]) ? result["ips"] : [];
  return ips.map(({ address }) => String(address).replace(/\/.*/, ""));
}

function inUse(): string[] {
  return at.node.attachments
    .list()
    .flatMap(({ interfaces }) => interfaces.flatMap((nic) => nic.addresses.map((a) => a.address)));
}

describe.if(able)("multi-nic-ipam under the reference macvlan", () => {
  test("gives its one NIC an address of our pool, and takes it back", async () => {
    using pod = scratch("ipam");
    const config = {
      cniVersion: "1.0.0",
      name: "net",
      type: "macvlan",
      master: "eth2",
      ipam: { type: "multi-nic-ipam" },
    };
    const call = { program: reference, containerID: "ipam", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.json["ips"]).toEqual([{ address: "192.168.64.1/18", interface: 0 }]);
    expect(inUse()).toEqual(["192.168.64.1"]);
    const check = { ...call, command: "CHECK", config: { ...config, prevResult: added.json } };
    expect((await at.call(check)).out).toBe("");
    for (const _ of [1, 2]) expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    expect(inUse()).toEqual([]);
  });
});

describe.if(able)("multi-nic-ipam under the reference macvlan, on NICs of both families", () => {
  const networks = [
    ["IPv4", "net4", ["192.168.64.1/18"]],
    ["IPv6", "net6", ["fd00:a8:0:4000::1/50"]],
    ["dual stack", "net46", ["192.168.64.1/18", "fd00:a8:0:4000::1/50"]],
  ] as const;
  test.each(networks)(
    "gives addresses of the network's families: %s",
    async (_families, name, ips) => {
      await using both = await matrixNode("ipam6");
      using pod = scratch("ipam6");
      const ipam = { type: "multi-nic-ipam" };
      const config = { cniVersion: "1.0.0", name, type: "macvlan", master: "eth2", ipam };
      const call = { program: reference, containerID: "ipam6", netns: pod.netns.path, config };
      const added = await both.call({ ...call, command: "ADD" });
      expect([added.json["msg"], added.json["ips"]]).toEqual([
        undefined,
        ips.map((address) => ({ address, interface: 0 })),
      ]);
      expect((await both.call({ ...call, command: "DEL" })).exitCode).toBe(0);
      expect(both.node.attachments.list()).toEqual([]);
    },
  );
});

describe.if(able)("multi-nic with the reference plugins", () => {
  test("gets addresses from host-local, once per NIC, none twice in whatever order networks are named", async () => {
    using pod = scratch("hl");
    using other = scratch("hl2");
    const dataDir = join(at.folder, "host-local");
    const config = macvlanConfig({
      multiNICIPAM: false,
      ipam: { type: "host-local", subnet: "10.5.0.0/24", dataDir },
    });
    const call = { containerID: "hl", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(pod.ip("addr", "show", "net1-1")[0]?.["addr_info"]).toContainEqual(
      expect.objectContaining({ local: ipsOf(added.json)[1], prefixlen: 24 }),
    );
    const second = { containerID: "hl2", netns: other.netns.path, config, ifname: "net2" };
    const addedToo = await at.call({ ...second, command: "ADD" });
    const given = [...ipsOf(added.json), ...ipsOf(addedToo.json)];
    expect(given.toSorted()).toEqual(["10.5.0.2", "10.5.0.3", "10.5.0.4", "10.5.0.5"]);
    const stored = () => readdirSync(join(dataDir, "net")).filter((name) => name.includes("10.5"));
    expect(stored().sort()).toEqual(given.toSorted());
    expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    expect(stored().sort()).toEqual(ipsOf(addedToo.json).toSorted());
    expect((await at.call({ ...second, command: "DEL" })).exitCode).toBe(0);
    expect(stored()).toEqual([]);
    expect(names(pod)).toEqual(["lo"]);
  });

  test("has macvlan made by its plugin when the definition says delegate: addresses, mtu, mode, mac, routes and all", async () => {
    using pod = scratch("dele");
    const routes = [
      { dst: "10.9.0.0/16", gw: "192.168.63.254" },
      { dst: "10.10.0.0/16", gw: "192.168.63.254" },
      { dst: "10.10.0.0/16", gw: "192.168.127.254" },
    ];
    const config = macvlanConfig({
      plugin: { cniVersion: "1.0.0", type: "macvlan", mode: "vepa", mtu: 1400, delegate: true },
      ipam: { type: "multi-nic-ipam", hostBlock: 6, interfaceBlock: 2, vlanMode: "l2", routes },
      runtimeConfig: { mac: "02:00:00:00:0a:07" },
    });
    const call = { containerID: "dele", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.json).toMatchObject({ interfaces: [{ name: "net1-0" }, { name: "net1-1" }] });
    // The plugins run at once: which link is made first is nobody's business.
    const links = pod.ip("link", "show", "type", "macvlan");
    links.sort((a, b) => String(a["ifname"]).localeCompare(String(b["ifname"])));
    expect(links).toMatchObject([
      { mtu: 1400, address: "02:00:00:00:0a:07", linkinfo: { info_data: { mode: "vepa" } } },
      { mtu: 1400, linkinfo: { info_data: { mode: "vepa" } } },
    ]);
    expect(pod.ip("route", "show", "10.9.0.0/16")).toMatchObject([
      { gateway: "192.168.63.254", dev: "net1-0" },
    ]);
    expect(pod.ip("route", "show", "10.10.0.0/16")[0]?.["nexthops"]).toHaveLength(2);
    expect(added.json["routes"]).toEqual(routes);
    const check = { ...call, config: { ...config, prevResult: added.json } };
    expect((await at.call({ ...check, command: "CHECK" })).out).toBe("");
    expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    expect(names(pod)).toEqual(["lo"]);
    expect(inUse()).toEqual([]);
  });

  test("names a plugin that is not installed, and the folders it was looked for in", async () => {
    using pod = scratch("none");
    const config = macvlanConfig({ plugin: { cniVersion: "1.0.0", type: "sriov" } });
    const call = { containerID: "none", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.json).toMatchObject({ code: 7, msg: "Cannot call the plugin sriov" });
    expect(String(added.json["details"])).toMatch(
      /Cannot find the plugin sriov in .*\/dist\/cni:\/usr\/lib\/cni/,
    );
    expect(inUse()).toEqual([]);
  });

  test("moves NICs in and out with host-device, all at once, with addresses of our pools", async () => {
    using pod = scratch("hd");
    const config = macvlanConfig({ plugin: { cniVersion: "0.3.1", type: "host-device" } });
    const call = { containerID: "hd", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.json["interfaces"]).toMatchObject([{ name: "net1-0" }, { name: "net1-1" }]);
    expect(added.json["ips"]).toMatchObject([
      { interface: 0, address: expect.stringMatching(/^192\.168\.0\.\d+\/18$/) },
      { interface: 1, address: expect.stringMatching(/^192\.168\.64\.\d+\/18$/) },
    ]);
    expect(names(pod).sort()).toEqual(["lo", "net1-0", "net1-1"]);
    expect(pod.ip("link", "show", "net1")[0]?.["ifname"]).toBe("net1-0");
    expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    expect(names(pod)).toEqual(["lo"]);
    expect(names(at.host)).toContain("eth1");
    for (const name of ["eth1", "eth2"])
      at.host.kernel.setLink(at.host.kernel.link(name)?.index ?? 0, { up: true });
    expect(inUse()).toEqual([]);
  });

  test("hands on a plugin's own error and leaves nothing", async () => {
    using pod = scratch("err");
    const config = macvlanConfig({ plugin: { cniVersion: "9.9.9", type: "vlan" } });
    const call = { containerID: "err", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.exitCode).toBe(1);
    expect(added.json).toMatchObject({ code: 1, msg: "incompatible CNI versions" });
    expect(names(pod)).toEqual(["lo"]);
    expect(inUse()).toEqual([]);
  });

  test("has macvlan made by its plugin where FFI is not possible (no JIT), DEL too", async () => {
    using pod = scratch("nojit");
    const env = { BUN_JSC_useJIT: "0" };
    const call = { containerID: "nojit", netns: pod.netns.path, config: macvlanConfig(), env };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.json).toMatchObject({ interfaces: [{ name: "net1-0" }, { name: "net1-1" }] });
    expect(names(pod).sort()).toEqual(["lo", "net1-0", "net1-1"]);
    // An altname takes rtnetlink: its absence shows that the plugin did the work.
    expect(pod.ip("link", "show", "net1-0")[0]?.["altnames"]).toBeUndefined();
    expect(inUse()).toHaveLength(2);
    expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    expect(names(pod)).toEqual(["lo"]);
    expect(inUse()).toEqual([]);
  });

  test("refuses sourceRouting where FFI is not possible, says the way out and leaves nothing", async () => {
    using pod = scratch("nojitroutes");
    const env = { BUN_JSC_useJIT: "0" };
    const config = macvlanConfig({ sourceRouting: true });
    const call = { containerID: "nojitroutes", netns: pod.netns.path, config, env };
    const refused = await at.call({ ...call, command: "ADD" });
    expect(refused.json).toMatchObject({
      code: 110,
      msg: "Cannot route by source address in the pod",
      details: expect.stringContaining("take sourceRouting out of the network"),
    });
    expect(names(pod)).toEqual(["lo"]);
    expect(inUse()).toEqual([]);
  });
});
