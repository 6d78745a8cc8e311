import { describe, expect, test } from "bun:test";
import type { NewLink } from "../../src/lib/netlink/types.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";
import { codeFrom, indexOf } from "../support/wired.ts";

/** A host namespace with one NIC `eth0` (a veth whose other end lives beside it), up, with `10.0.1.1/24`. */
function host(label: string): Scratch & { eth0: number } {
  const space = scratch(label);
  space.kernel.addLink("eth0", { kind: "veth", peer: { name: "wire" } });
  const eth0 = indexOf(space.kernel, "eth0");
  for (const index of [eth0, indexOf(space.kernel, "wire")])
    space.kernel.setLink(index, { up: true });
  space.kernel.addAddress(eth0, "10.0.1.1/24");
  return { ...space, eth0 };
}

describe.if(kernelHas("ipvlan"))("Kernel, ipvlan", () => {
  for (const mode of ["l2", "l3", "l3s"] as const) {
    test(`addLink makes an ${mode} ipvlan straight in a pod, and link() tells its mode there`, () => {
      using node = host(`ipvl-${mode}`);
      using pod = scratch(`ipvl-${mode}-pod`);
      const link: NewLink = { kind: "ipvlan", parent: node.eth0, mode };
      node.kernel.addLink("net1", link, { netnsFd: pod.netns.fd, up: true });
      pod.kernel.addAddress(indexOf(pod.kernel, "net1"), "10.0.1.50/24");
      expect(pod.ip("link", "show", "net1")[0]).toMatchObject({
        linkinfo: { info_kind: "ipvlan", info_data: { mode } },
      });
      const made = pod.kernel.link("net1");
      expect(made).toMatchObject({
        kind: "ipvlan",
        up: true,
        ipvlan: { mode, flags: 0 },
        link: node.eth0,
      });
      expect(made?.mac).toBe(node.kernel.link(node.eth0)?.mac ?? "");
    });
  }

  test("a second mode on one master switches the first link, so links() is what tells", () => {
    using node = host("ipvl-two");
    const { kernel, eth0 } = node;
    kernel.addLink("one", { kind: "ipvlan", parent: eth0, mode: "l2" });
    expect(kernel.link("one")?.ipvlan?.mode).toBe("l2");
    kernel.addLink("two", { kind: "ipvlan", parent: eth0, mode: "l3" });
    const modes = kernel.links().filter((link) => link.ipvlan && link.link === eth0);
    expect(modes.map((link) => [link.name, link.ipvlan?.mode])).toEqual([
      ["one", "l3"],
      ["two", "l3"],
    ]);
  });

  test("addAddress refuses an address that another ipvlan of the master holds, with EADDRINUSE", () => {
    using node = host("ipvl-inuse");
    const { kernel, eth0 } = node;
    for (const name of ["one", "two"]) {
      kernel.addLink(name, { kind: "ipvlan", parent: eth0, mode: "l2" }, { up: true });
    }
    kernel.addAddress(indexOf(kernel, "one"), "10.0.1.50/24");
    expect(codeFrom(() => kernel.addAddress(indexOf(kernel, "two"), "10.0.1.50/24"))).toBe(
      "EADDRINUSE",
    );
  });

  test("ipvlan and macvlan do not share a master: EBUSY", () => {
    using node = host("ipvl-mv");
    const { kernel, eth0 } = node;
    kernel.addLink("one", { kind: "ipvlan", parent: eth0, mode: "l3" });
    const macvlan: NewLink = { kind: "macvlan", parent: eth0, mode: "bridge" };
    expect(codeFrom(() => kernel.addLink("two", macvlan))).toBe("EBUSY");
  });

  test("two l3 pods on one master reach each other", () => {
    using node = host("ipvl-ping");
    using one = scratch("ipvl-ping-1");
    using two = scratch("ipvl-ping-2");
    for (const [i, pod] of [one, two].entries()) {
      const link: NewLink = { kind: "ipvlan", parent: node.eth0, mode: "l3" };
      node.kernel.addLink("net1", link, { netnsFd: pod.netns.fd, up: true });
      pod.kernel.addAddress(indexOf(pod.kernel, "net1"), `10.0.1.${50 + i}/24`);
    }
    const ping = ["ip", "netns", "exec", one.name, "ping", "-c1", "-W2", "10.0.1.51"];
    expect(Bun.spawnSync(ping).exitCode).toBe(0);
  });
});

describe.if(kernelHas("vlan"))("Kernel, VLANs", () => {
  test("addLink makes VLAN 100, and link() tells its id", () => {
    using node = host("vlan");
    node.kernel.addLink("eth0.100", { kind: "vlan", parent: node.eth0, id: 100 }, { up: true });
    expect(node.ip("link", "show", "eth0.100")[0]).toMatchObject({
      link: "eth0",
      linkinfo: { info_kind: "vlan", info_data: { protocol: "802.1Q", id: 100 } },
    });
    expect(node.kernel.link("eth0.100")?.vlan).toEqual({ id: 100, protocol: 0x8100 });
  });
});

describe.if(kernelHas("bond"))("Kernel, bonds", () => {
  test("addLink makes an active-backup bond, and setLink enslaves a link that is down", () => {
    using node = host("bond");
    const { kernel, eth0 } = node;
    kernel.addLink("bond0", { kind: "bond", mode: 1, miimon: 100 });
    kernel.setLink(eth0, { up: false });
    kernel.setLink(eth0, { master: indexOf(kernel, "bond0") });
    expect(node.ip("link", "show", "bond0")[0]).toMatchObject({
      linkinfo: { info_kind: "bond", info_data: { mode: "active-backup", miimon: 100 } },
    });
    expect(kernel.link(eth0)?.master).toBe(indexOf(kernel, "bond0"));
    expect(kernel.link("bond0")?.kind).toBe("bond");
  });
});

describe.if(kernelHas("dummy"))("Kernel, dummies", () => {
  test("addLink makes a dummy", () => {
    using node = host("dummy");
    node.kernel.addLink("dum0", { kind: "dummy" }, { mac: "02:00:00:00:00:0d", up: true });
    expect(node.kernel.link("dum0")).toMatchObject({
      kind: "dummy",
      mac: "02:00:00:00:00:0d",
      up: true,
    });
  });
});

for (const mode of ["bridge", "private", "vepa", "passthru"] as const) {
  test.if(kernelHas("macvlan"))(`addLink makes a ${mode} macvlan`, () => {
    using node = host(`mv-${mode}`);
    node.kernel.addLink("mv0", { kind: "macvlan", parent: node.eth0, mode });
    expect(node.ip("link", "show", "mv0")[0]).toMatchObject({ linkinfo: { info_data: { mode } } });
    expect(node.kernel.link("mv0")?.macvlan).toEqual({ mode });
  });
}
