import { describe, expect, test } from "bun:test";
import type { IPPool, MultiNicNetwork } from "../../../src/lib/api/kinds.ts";
import { poolConcerns } from "../../../src/lib/operator/concerns.ts";

const pod = (name: string) => ({
  pod: name,
  namespace: "default",
  index: 1,
  address: "192.168.0.1",
});

function pool(pods: readonly string[], more: { spec?: object; metadata?: object } = {}): IPPool {
  return {
    apiVersion: "multinic.fms.io/v1",
    kind: "IPPool",
    metadata: { name: "net-192.168.0.0-24", resourceVersion: "1", ...more.metadata },
    spec: {
      podCIDR: "192.168.0.0/24",
      vlanCIDR: "192.168.0.0/18",
      netAttachDef: "net",
      hostName: "host1",
      interfaceName: "eth1",
      excludes: [],
      allocations: pods.map(pod),
      ...more.spec,
    },
  } as IPPool;
}

function concerns(network?: Partial<MultiNicNetwork["metadata"]>) {
  const metadata = { name: "net", ...network };
  return poolConcerns({
    get: (name) => (name === "net" ? ({ metadata } as MultiNicNetwork) : undefined),
  });
}

describe("poolConcerns", () => {
  test("is true for a pool that comes or goes", () => {
    expect(concerns()(undefined, pool([]))).toBe(true);
    expect(concerns()(pool([]), undefined)).toBe(true);
  });

  test("is false for pods between the first and the last, and for what is said of them", () => {
    const said = { metadata: { resourceVersion: "2", generation: 7, managedFields: [{}] } };
    expect(concerns()(pool(["a"]), pool(["a", "b"], said))).toBe(false);
    expect(concerns()(pool(["a", "b"]), pool(["b"]))).toBe(false);
    expect(concerns()(pool([]), { ...pool([]), status: { usage: "0/254" } } as IPPool)).toBe(false);
  });

  test("is true for the first pod and the last", () => {
    expect(concerns()(pool([]), pool(["a"]))).toBe(true);
    expect(concerns()(pool(["a"]), pool([]))).toBe(true);
  });

  test("is true for all that is not about pods", () => {
    const changes = [
      { spec: { excludes: ["192.168.0.0/30"] } },
      { spec: { hostName: "host2" } },
      { spec: { podCIDR: "192.168.1.0/24" } },
      { metadata: { labels: { a: "b" } } },
      { metadata: { finalizers: ["x"] } },
      { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } },
      { metadata: { ownerReferences: [] } },
    ];
    for (const change of changes)
      expect([change, concerns()(pool(["a"]), pool(["a"], change))]).toEqual([change, true]);
  });

  test("is true for each change of one that cannot be read", () => {
    const spoiled = (usage: string) =>
      ({ ...pool([]), spec: { allocations: "none" }, status: { usage } }) as unknown as IPPool;
    expect(concerns()(spoiled("1"), spoiled("2"))).toBe(true);
    expect(concerns()(pool(["a"]), spoiled("1"))).toBe(true);
  });

  test("is true for every pod of a network that is being deleted: its status names them", () => {
    const leaving = concerns({ deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect(leaving(pool(["a", "b"]), pool(["a"]))).toBe(true);
  });
});
