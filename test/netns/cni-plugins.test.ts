import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
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

describe.if(able)("multi-nic with the reference plugins", () => {
  test("gets addresses from host-local, once per NIC, and gives them back", async () => {
    using pod = scratch("hl");
    const dataDir = join(at.folder, "host-local");
    const config = macvlanConfig({
      multiNICIPAM: false,
      ipam: { type: "host-local", subnet: "10.5.0.0/24", dataDir },
    });
    const call = { containerID: "hl", netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    // Names as v1.3.x gave them, so each NIC has a store of its own there.
    expect(added.json["ips"]).toEqual([
      { interface: 0, address: "10.5.0.2/24", gateway: "10.5.0.1" },
      { interface: 1, address: "10.5.0.2/24", gateway: "10.5.0.1" },
    ]);
    expect(pod.ip("addr", "show", "net1-1")[0]?.["addr_info"]).toContainEqual(
      expect.objectContaining({ local: "10.5.0.2", prefixlen: 24 }),
    );
    const stored = () =>
      readdirSync(join(dataDir, "net1-0")).filter((name) => name.includes("10.5"));
    expect(stored()).toEqual(["10.5.0.2"]);
    expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    expect(stored()).toEqual([]);
    expect(names(pod)).toEqual(["lo"]);
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
});
