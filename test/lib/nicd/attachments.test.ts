import { describe, expect, test } from "bun:test";
import { silentLog } from "../../../src/lib/log.ts";
import { Attachments } from "../../../src/lib/nicd/attachments.ts";
import type { AttachRequest } from "../../../src/lib/node/contract.ts";
import {
  addresses,
  attachRequest,
  dualHost,
  dualRef,
  host1,
  pool,
  testNode,
} from "../../support/attachments.ts";
import { failure } from "../../support/failure.ts";

const ref = attachRequest("x").ref;

describe("Attachments", () => {
  test("attach gives the worked example's first addresses with the vlanCIDR's prefix length", () => {
    using node = testNode();
    expect(addresses(node, attachRequest("c1"))).toEqual(["192.168.0.1/18", "192.168.64.1/18"]);
    expect(addresses(node, attachRequest("c2"))).toEqual(["192.168.0.2/18", "192.168.64.2/18"]);
  });

  test("attach leaves out a NIC that carries no links of its own, unless the plugin moves the NIC", () => {
    using node = testNode();
    node.view.setNics(host1, { unlinkable: new Set(["eth2"]) });
    const masters = (request: AttachRequest) =>
      node.attachments.attach(request).interfaces.map((each) => each.master);
    expect(masters(attachRequest("c1"))).toEqual(["eth1"]);
    const moving = { ...ref, pluginType: "host-device", mode: "", pooled: false };
    expect(masters({ ...attachRequest("c2"), network: "moved", ref: moving })).toContain("eth2");
  });

  test("attach of a key that is attached answers the same, also after a restart", () => {
    using first = testNode();
    const reply = first.attachments.attach(attachRequest("c1"));
    expect(first.attachments.attach(attachRequest("c1"))).toEqual({ ...reply, repeated: true });
    using second = first.restart();
    expect(second.attachments.attach(attachRequest("c1"))).toEqual({ ...reply, repeated: true });
    expect(second.attachments.list()).toHaveLength(1);
    expect(addresses(second, attachRequest("c2"))).toEqual(["192.168.0.2/18", "192.168.64.2/18"]);
  });

  test("attach of a key that is attached remembers the namespace it came from now", () => {
    using node = testNode();
    node.attachments.attach(attachRequest("c1"));
    node.attachments.attach(attachRequest("c1", { netns: "/run/netns/new", netnsIno: "7" }));
    expect(node.attachments.find(attachRequest("c1"))).toMatchObject({
      netns: "/run/netns/new",
      netnsIno: "7",
    });
  });

  test("attach keeps one key per network, container and interface name, whatever the pod is called", () => {
    using node = testNode();
    const { pod } = attachRequest("same");
    addresses(node, attachRequest("c1", { pod }));
    addresses(node, attachRequest("c2", { pod }));
    addresses(node, attachRequest("c1", { pod, ifname: "net2" }));
    expect(node.attachments.list()).toHaveLength(3);
    expect(node.attachments.allocationsOf("net", "192.168.0.0/24").map((a) => a.index)).toEqual([
      1, 2, 3,
    ]);
  });

  test("attach gives each NIC one address of each family it has, IPv4 first", () => {
    using node = testNode(dualHost);
    const { interfaces } = node.attachments.attach(attachRequest("c1", { ref: dualRef }));
    expect(interfaces.map((each) => each.addresses)).toEqual([
      ["192.168.0.1/18", "fd10::1/112"],
      ["192.168.64.1/18"],
    ]);
  });

  test("attach takes nothing when the second NIC's pool is full", () => {
    using node = testNode({
      pools: [
        pool("eth1", "192.168.0.0/24", "192.168.0.0/18"),
        pool("eth2", "192.168.64.0/30", "192.168.64.0/18"),
      ],
    });
    addresses(node, attachRequest("c1"));
    addresses(node, attachRequest("c2"));
    const seen = failure(() => node.attachments.attach(attachRequest("c3")));
    expect(seen).toEqual({
      code: "102",
      message: expect.stringContaining("pool net-192.168.64.0-30 (192.168.64.0/30): 2 in use of 2"),
    });
    expect(node.attachments.allocationsOf("net", "192.168.0.0/24")).toHaveLength(2);
    node.attachments.detach(attachRequest("c1"));
    expect(addresses(node, attachRequest("c4"))).toEqual(["192.168.0.3/18", "192.168.64.1/18"]);
  });

  test("attach waits (code 11) for the pool of a plane that the host has, naming it", () => {
    using node = testNode({ pools: [pool("eth1", "192.168.0.0/24", "192.168.0.0/18")] });
    expect(failure(() => node.attachments.attach(attachRequest("c1")))).toEqual({
      code: "11",
      message: expect.stringContaining("No IPv4 pool of network net for eth2 (10.0.2.0/24)"),
    });
    expect(node.attachments.allocationsOf("net", "192.168.0.0/24")).toEqual([]);
  });

  test("attach waits for no pool of a family in which masterNets name no plane, whatever the NIC and the subnet have", () => {
    const nics = host1.flatMap((nic, i) => [
      nic,
      { ...nic, netAddress: `fd00:${i}::/64`, hostIP: `fd00:${i}::1` },
    ]);
    using node = testNode({ nics });
    for (const subnet of ["", "192.168.0.0/16,fd00:a8::/48"]) {
      const ref = { ...attachRequest("x").ref, subnet };
      const got = addresses(node, attachRequest(`of ${subnet}`, { ref }));
      expect(got.map((text) => text.slice(0, 8))).toEqual(["192.168.", "192.168."]);
      const both = { ...ref, masterNets: [...ref.masterNets, "fd00:0::/64"] };
      const seen = failure(() => node.attachments.attach(attachRequest("both", { ref: both })));
      expect(seen.message).toContain("No IPv6 pool of network net for eth1");
    }
  });

  test("attach needs no pool for a plane that was not asked for", () => {
    using node = testNode({ pools: [pool("eth1", "192.168.0.0/24", "192.168.0.0/18")] });
    expect(addresses(node, attachRequest("c1", { request: { nics: 1 } }))).toEqual([
      "192.168.0.1/18",
    ]);
  });

  test("attach gives no addresses to a network that has no pools of ours", () => {
    using node = testNode({ pools: [] });
    const reply = node.attachments.attach(
      attachRequest("c1", { ref: { ...ref, pooled: false }, ips: ["10.1.1.1"] }),
    );
    expect(reply.interfaces.map((each) => [each.name, each.master, each.addresses])).toEqual([
      ["net1-0", "eth1", []],
      ["net1-1", "eth2", []],
    ]);
  });

  test("attach follows the network's own strategy and the pod's class", () => {
    using node = testNode({ network: { attachPolicy: { strategy: "devClass" } } });
    expect(failure(() => node.attachments.attach(attachRequest("c1"))).code).toBe("7");
    node.view.put({
      apiVersion: "multinic.fms.io/v1",
      kind: "DeviceClass",
      metadata: { name: "virtio" },
      spec: { ids: [{ vendor: "1af4", products: ["1041"] }] },
    });
    expect(
      addresses(node, attachRequest("c1", { request: { class: "virtio", nics: 1 } })),
    ).toHaveLength(1);
  });

  test("attach refuses a second ipvlan mode on a master, naming both networks", () => {
    using node = testNode();
    node.attachments.attach(attachRequest("c1"));
    const other = attachRequest("c2", {
      network: "other",
      ref: { ...ref, mode: "l2", pooled: false },
    });
    expect(failure(() => node.attachments.attach(other))).toEqual({
      code: "103",
      message: expect.stringContaining(
        "network other (ipvlan l2) to eth1: pods of network net hold it",
      ),
    });
    node.attachments.detach(attachRequest("c1"));
    expect(node.attachments.attach(other).interfaces).toHaveLength(2);
  });

  test("onChange tells the network after each commit, and never of what did not happen", () => {
    using node = testNode();
    const told: string[] = [];
    const stop = node.attachments.onChange((network) => {
      told.push(`${network} ${node.attachments.list(network).length}`);
    });
    node.attachments.attach(attachRequest("c1"));
    node.attachments.attach(attachRequest("c1"));
    failure(() => node.attachments.attach(attachRequest("c2", { ips: ["1.1.1.1"] })));
    node.attachments.detach(attachRequest("c9"));
    node.attachments.detach(attachRequest("c1"));
    stop();
    node.attachments.attach(attachRequest("c3"));
    expect(told).toEqual(["net 1", "net 0"]);
  });

  test("onChange's listener that fails does not fail the attach", () => {
    using node = testNode();
    node.attachments.onChange(() => {
      throw new Error("the API server is down");
    });
    expect(addresses(node, attachRequest("c1"))).toHaveLength(2);
  });

  test("mastersInUse names the NICs that pods hang off", () => {
    using node = testNode();
    node.attachments.attach(attachRequest("c1", { request: { nics: 1 } }));
    expect([...node.attachments.mastersInUse()]).toEqual(["eth1"]);
  });

  test("allocationsOf is sorted by index", () => {
    using node = testNode();
    addresses(node, attachRequest("c1", { ips: ["192.168.0.30"] }));
    addresses(node, attachRequest("c2", { ips: ["192.168.0.4"] }));
    addresses(node, attachRequest("c3"));
    expect(node.attachments.allocationsOf("net", "192.168.0.0/24")).toEqual([
      { pod: "pod-c3", namespace: "default", index: 1, address: "192.168.0.1" },
      { pod: "pod-c2", namespace: "default", index: 4, address: "192.168.0.4" },
      { pod: "pod-c1", namespace: "default", index: 30, address: "192.168.0.30" },
    ]);
  });

  test("attach tells that NICs were not read yet with code 11", () => {
    using node = testNode();
    const { store, clock } = node;
    const blind = new Attachments({
      store,
      view: { ...emptyView, nics: () => undefined },
      log: silentLog,
      now: () => clock.now,
      bootId: "boot-1",
    });
    expect(failure(() => blind.attach(attachRequest("c1"))).code).toBe("11");
  });
});

const emptyView = {
  parentOf: () => undefined,
  pools: () => [],
  network: () => undefined,
  deviceClass: () => undefined,
};
