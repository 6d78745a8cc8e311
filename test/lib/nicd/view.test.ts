import { describe, expect, test } from "bun:test";
import type { IPPool } from "../../../src/lib/api/kinds.ts";
import { StoredView } from "../../../src/lib/nicd/view.ts";
import { host1Pools, pool, testNode } from "../../support/attachments.ts";

const podCIDRs = (view: StoredView, network = "net") =>
  view.pools(network).map((each) => each.podCIDR);

const network = {
  apiVersion: "multinic.fms.io/v1",
  kind: "MultiNicNetwork",
  metadata: { name: "net" },
  spec: { ipam: "{}", plugin: { type: "ipvlan" }, rails: true },
} as const;

describe("StoredView", () => {
  test("knows after a restart what it saw before, but no NICs: those are read anew", () => {
    using node = testNode();
    node.view.put(network);
    const later = new StoredView(node.store, "host1");
    expect(podCIDRs(later)).toEqual(["192.168.0.0/24", "192.168.64.0/24"]);
    expect(later.network("net")?.rails).toBe(true);
    expect(later.nics()).toBeUndefined();
  });

  test("takes no pool of another host, and drops one that moved there", () => {
    using node = testNode();
    const moved = pool("eth1", "192.168.0.0/24", "192.168.0.0/18", { hostName: "host2" });
    node.view.put(moved);
    expect(podCIDRs(node.view)).toEqual(["192.168.64.0/24"]);
    expect(podCIDRs(new StoredView(node.store, "host1"))).toEqual(["192.168.64.0/24"]);
  });

  test("gives no address of a pool that is being deleted", () => {
    using node = testNode();
    const [going] = host1Pools;
    if (!going) throw new Error("no pool");
    const metadata = { ...going.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
    node.view.put({ ...going, metadata });
    expect(podCIDRs(node.view)).toEqual(["192.168.64.0/24"]);
  });

  test("retain forgets what a whole list does not hold, of that kind only", () => {
    using node = testNode();
    node.view.put(network);
    node.view.retain("IPPool", new Set(host1Pools.slice(1).map(({ metadata }) => metadata.name)));
    expect(podCIDRs(node.view)).toEqual(["192.168.64.0/24"]);
    expect(node.view.network("net")).toBeDefined();
  });

  test("moves a pool that changed its network", () => {
    using node = testNode({ pools: [] });
    const before: IPPool = pool("eth1", "10.9.0.0/24", "10.9.0.0/18");
    node.view.put(before);
    node.view.put({ ...before, spec: { ...before.spec, netAttachDef: "other" } });
    expect([podCIDRs(node.view), podCIDRs(node.view, "other")]).toEqual([[], ["10.9.0.0/24"]]);
  });

  test("setNics takes NICs and which function belongs to which", () => {
    using node = testNode();
    node.view.setNics([{ interfaceName: "eth9" }], {
      parents: new Map([["0000:00:05.2", "0000:00:05.0"]]),
    });
    expect(node.view.nics()).toEqual([{ interfaceName: "eth9" }]);
    expect(node.view.parentOf("0000:00:05.2")).toBe("0000:00:05.0");
  });
});
