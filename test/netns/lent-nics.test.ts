import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { attachRequest, host1, type TestNode, testNode } from "../support/attachments.ts";
import { cniNode, macvlanConfig } from "../support/cni.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";

const able = kernelHas("veth");

/** A host whose eth1 has addresses of both families, an MTU of its own, and routes over it. */
function dress(host: Scratch): void {
  for (const name of ["eth1", "eth2"]) {
    if (!host.kernel.link(name))
      host.kernel.addLink(name, { kind: "veth", peer: { name: `${name}-far` } });
    for (const end of [name, `${name}-far`]) {
      host.kernel.setLink(host.kernel.link(end)?.index ?? 0, { up: true, mtu: 1400 });
    }
  }
  const eth1 = host.kernel.link("eth1")?.index ?? 0;
  const eth2 = host.kernel.link("eth2")?.index ?? 0;
  for (const address of ["10.0.1.1/24", "10.0.1.77/24", "fd00:1::1/64"])
    host.kernel.addAddress(eth1, address, { nodad: true });
  host.kernel.addAddress(eth2, "10.0.2.1/24");
  const route = { family: 4, protocol: 4, type: 1, scope: 0, metric: 0 } as const;
  host.kernel.addRoute({
    ...route,
    dst: "172.30.0.0/16",
    table: 254,
    nexthops: [{ via: "10.0.1.254", oif: eth1 }],
  });
  host.kernel.addRoute({
    ...route,
    dst: "172.31.0.0/16",
    table: 100,
    metric: 50,
    nexthops: [
      { via: "10.0.1.254", oif: eth1 },
      { via: "10.0.2.254", oif: eth2 },
    ],
  });
  host.kernel.addRoute({
    ...route,
    family: 6,
    dst: "fd00:99::/64",
    table: 254,
    metric: 1024,
    nexthops: [{ via: "fd00:1::fe", oif: eth1 }],
  });
}

/** What must be the same after the NIC has been away. */
function seen(host: Scratch) {
  const link = host.kernel.link("eth1");
  const routes = ([4, 6] as const).flatMap((family) => host.kernel.routes({ family }));
  return {
    link: link && { name: link.name, mtu: link.mtu, up: link.up, altnames: link.altnames },
    addresses: host.kernel
      .addresses()
      .filter(({ index, scope }) => index === link?.index && scope === 0)
      .map(({ address }) => address)
      .sort(),
    routes: routes
      .filter(({ dst }) => /^(172\.|fd00:99)/.test(dst))
      .map(({ dst, table, metric, nexthops }) => [
        dst,
        table,
        metric,
        nexthops.map(({ via, oif = 0 }) => `${via} ${host.kernel.link(oif)?.name}`),
      ])
      .sort(),
  };
}

describe.if(able)("host-device", () => {
  test("DEL leaves the host's NIC with the name, addresses, MTU and routes it had", async () => {
    // Without PCI addresses, so that host-device takes a NIC by its name.
    const nics = host1.map(({ pciAddress: _, ...nic }) => nic);
    await using at = await cniNode("lent", { nics });
    dress(at.host);
    const before = seen(at.host);
    expect(before.addresses).toHaveLength(3);
    expect(before.routes).toHaveLength(3);
    using pod = scratch("lentpod");
    const config = macvlanConfig({
      plugin: { cniVersion: "0.3.1", type: "host-device" },
      ipam: { type: "host-device-ipam" },
      multiNICIPAM: false,
      subnet: "",
    });
    const call = { netns: pod.netns.path, config };
    const added = await at.call({ ...call, command: "ADD" });
    expect(added.json["ips"]).toMatchObject([
      { address: "10.0.1.1/24", interface: 0 },
      { address: "fd00:1::1/64", interface: 0 },
      { address: "10.0.2.1/24", interface: 1 },
    ]);
    expect(seen(at.host)).toMatchObject({ link: undefined, addresses: [] });
    expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    expect(seen(at.host)).toEqual(before);
  });
});

describe.if(able)("LentNics", () => {
  let host: Scratch;
  let pod: Scratch;
  let node: TestNode;
  beforeEach(() => {
    host = scratch("lenthost");
    pod = scratch("lentaway");
    dress(host);
    node = testNode({ kernel: host.kernel, nics: host1.map(({ pciAddress: _, ...nic }) => nic) });
  });
  afterEach(() => {
    node[Symbol.dispose]();
    for (const each of [host, pod]) each[Symbol.dispose]();
  });

  const request = attachRequest("c1", {
    ref: { ...attachRequest("x").ref, pooled: false, pluginType: "host-device", mode: "" },
    request: { masters: ["eth1"] },
  });

  /** As the plugin does it: into the pod, with the pod's name. */
  function moveIn(): void {
    const { index } = host.kernel.link("eth1") ?? { index: 0 };
    host.kernel.setLink(index, { up: false });
    host.kernel.setLink(index, { netnsFd: pod.netns.fd });
    const there = pod.kernel.link("eth1")?.index ?? 0;
    pod.kernel.setLink(there, { name: "net1-0" });
    pod.kernel.addAltname(there, "net1");
  }

  /** As the kernel does it when the pod's namespace dies: with the pod's name, down, bare. */
  function comeBack(): void {
    const { index } = pod.kernel.link("net1-0") ?? { index: 0 };
    pod.kernel.setLink(index, { up: false });
    pod.kernel.setLink(index, { netnsFd: host.netns.fd });
  }

  const types = ["host-device", "mellanox", "sriov"];
  test.each(types)(
    "gives a NIC that comes back after its DEL its own again: name, altnames, addresses, routes (%s)",
    (pluginType) => {
      const before = seen(host);
      node.attachments.attach({ ...request, ref: { ...request.ref, pluginType } });
      moveIn();
      node.attachments.detach(request);
      expect(seen(host).link).toBeUndefined();
      comeBack();
      expect(host.kernel.link("net1-0")).toBeDefined();
      node.lent?.restore();
      expect(seen(host)).toEqual(before);
      // Once: what the user takes off later stays off.
      const eth1 = host.kernel.link("eth1")?.index ?? 0;
      host.kernel.deleteAddress(eth1, "10.0.1.77/24");
      node.lent?.restore();
      expect(seen(host).addresses).not.toContain("10.0.1.77/24");
    },
  );

  test("does so after a restart of nicd and after one of the node, whose pods are gone", () => {
    const before = seen(host);
    node.attachments.attach(request);
    moveIn();
    node = node.restart("boot-2");
    node.lent?.restore();
    expect(seen(host).link).toBeUndefined();
    node.attachments.detach(request);
    comeBack();
    node = node.restart("boot-2");
    node.lent?.restore();
    expect(seen(host)).toEqual(before);
  });

  test("leaves a NIC alone to which somebody gave another address meanwhile, but names it", () => {
    node.attachments.attach(request);
    moveIn();
    node.attachments.detach(request);
    comeBack();
    const back = host.kernel.link("net1-0")?.index ?? 0;
    host.kernel.addAddress(back, "10.9.9.9/24");
    node.lent?.restore();
    expect(seen(host)).toMatchObject({
      link: { name: "eth1" },
      addresses: ["10.9.9.9/24", "fd00:1::1/64"],
    });
  });

  test("changes nothing when the plugin never took the NIC", () => {
    const before = seen(host);
    node.attachments.attach(request);
    node.attachments.detach(request);
    expect(seen(host)).toEqual(before);
  });
});
