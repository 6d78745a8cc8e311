import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostInterface } from "../../../src/lib/api/kinds.ts";
import { Failure } from "../../../src/lib/errors.ts";
import { connectKube } from "../../../src/lib/kube/connect.ts";
import type { Kube } from "../../../src/lib/kube/kube.ts";
import { type ApiServer, startApiServer } from "../../../src/lib/lab/api-server.ts";
import { publishHostInterface } from "../../../src/lib/nicd/publishhostinterface.ts";
import type { HostReport } from "../../../src/lib/plan/hostinterface.ts";

const folder = mkdtempSync(join(tmpdir(), "publish-"));
let api: ApiServer;
let kube: Kube;

beforeAll(async () => {
  api = await startApiServer();
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, api.kubeconfig());
  kube = await connectKube({ kubeconfig });
});
afterAll(async () => {
  await api.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await kube.remove("HostInterface", "host1");
});

const row = { interfaceName: "eth1", netAddress: "10.0.1.0/24", hostIP: "10.0.1.1" };
const report: HostReport = {
  hostName: "host1",
  rows: [row],
  interfaces: [{ interfaceName: "eth1", mtu: 1500, carrier: true }],
  networks: [
    { name: "net", wanted: 2, applied: 1, failures: ["eth2 is down"], podCIDRs: ["10.9.0.0/24"] },
  ],
  conditions: [{ type: "Ready", status: "True", reason: "Serving", message: "" }],
};
const wall = () => Date.UTC(2026, 0, 2);
const publish = (what: HostReport = report, more: Partial<Kube> = {}) =>
  publishHostInterface(what, { kube: { ...bound(kube), ...more }, wall });
const stored = async () => {
  const object = await kube.get("HostInterface", "host1");
  if (!object) throw new Error("there is no HostInterface");
  return object;
};

/** The client's own methods as a plain object, so that a test can put itself in the way of one of them. */
function bound(of: Kube) {
  return {
    get: of.get.bind(of),
    create: of.create.bind(of),
    replace: of.replace.bind(of),
    replaceStatus: of.replaceStatus.bind(of),
  };
}

describe("publishHostInterface", () => {
  test("creates what is missing with spec and status, and then has nothing to write", async () => {
    expect(await publish()).toMatchObject({ writes: 2, leaving: false, unmanaged: false });
    const object = await stored();
    expect(object.spec).toEqual({ hostName: "host1", interfaces: [row] });
    expect(object.status).toEqual({
      summary: { nics: 1, routes: "1/2" },
      interfaces: [...report.interfaces],
      networks: [...report.networks],
      conditions: [
        {
          type: "Ready",
          status: "True",
          reason: "Serving",
          message: "",
          lastTransitionTime: "2026-01-02T00:00:00.000Z",
        },
      ],
    });
    expect(await publish()).toMatchObject({ writes: 0 });
    expect((await stored()).metadata.resourceVersion).toBe(object.metadata.resourceVersion ?? "");
  });

  test("writes only the part that changed, and makes the object again after it was deleted", async () => {
    await publish();
    const { generation } = (await stored()).metadata;
    const interfaces = [{ interfaceName: "eth1", mtu: 1500, carrier: false, reason: "NoCarrier" }];
    expect(await publish({ ...report, interfaces })).toMatchObject({ writes: 1 });
    expect((await stored()).metadata.generation).toBe(generation ?? 0);
    await kube.remove("HostInterface", "host1");
    expect(await publish()).toMatchObject({ writes: 2 });
  });

  test("never overwrites a spec that the user wrote, but reports status", async () => {
    const own = { hostName: "host1", interfaces: [{ interfaceName: "ib0" }] };
    await kube.create("HostInterface", {
      apiVersion: "multinic.fms.io/v1",
      kind: "HostInterface",
      metadata: { name: "host1", labels: { "multi-nic-unmanaged": "true" } },
      spec: own,
    });
    expect(await publish()).toMatchObject({ writes: 1, unmanaged: true });
    expect((await stored()).spec).toEqual(own);
    expect((await stored()).status?.networks).toEqual([...report.networks]);
  });

  test("reads again on a conflict and keeps what another wrote meanwhile", async () => {
    await publish();
    const old = await stored();
    await kube.patch("HostInterface", "host1", { metadata: { labels: { rack: "7" } } });
    const next = { ...report, rows: [{ ...row, hostIP: "10.0.1.9" }] };
    const done = await publishHostInterface(next, { kube, wall, seen: () => old });
    expect(done.object.metadata.labels).toEqual({ rack: "7" });
    expect((await stored()).spec.interfaces[0]?.hostIP).toBe("10.0.1.9");
  });

  test("takes the object that another made between its read and its create", async () => {
    let raced = false;
    const create: Kube["create"] = async (kind, object) => {
      if (!raced) {
        raced = true;
        await kube.create(kind, object);
      }
      return kube.create(kind, object);
    };
    expect(await publish(report, { create })).toMatchObject({ writes: 1 });
  });

  test("creates nothing when the read failed, and says so", async () => {
    const get: Kube["get"] = async () => {
      throw new Failure("no answer", { code: "Unavailable" });
    };
    await expect(publish(report, { get })).rejects.toMatchObject({
      message: "Cannot publish HostInterface host1",
      code: "Unavailable",
    });
    expect(await kube.get("HostInterface", "host1")).toBeUndefined();
  });

  test("leaves an object alone that is being deleted", async () => {
    await kube.create("HostInterface", {
      apiVersion: "multinic.fms.io/v1",
      kind: "HostInterface",
      metadata: { name: "host1", finalizers: ["example.com/hold"] },
      spec: { hostName: "host1", interfaces: [] },
    });
    await kube.remove("HostInterface", "host1");
    expect(await publish()).toMatchObject({ writes: 0, leaving: true });
    expect((await stored()).spec.interfaces).toEqual([]);
    await kube.patch("HostInterface", "host1", { metadata: { finalizers: null } });
  });

  test("keeps foreign conditions, counters of earlier versions and the time a condition last changed", async () => {
    const { object } = await publish();
    const foreign = {
      type: "Other",
      status: "False" as const,
      reason: "X",
      message: "",
      lastTransitionTime: "2025-01-01T00:00:00Z",
    };
    const before: HostInterface = {
      ...object,
      status: {
        ...object.status,
        stat: { count: 1 },
        conditions: [foreign, ...(object.status?.conditions ?? [])],
      },
    };
    await kube.replaceStatus("HostInterface", before);
    const condition = { type: "Ready", status: "True" as const, reason: "Still", message: "well" };
    const later = { kube, wall: () => wall() + 60_000 };
    await publishHostInterface({ ...report, conditions: [condition] }, later);
    expect((await stored()).status).toMatchObject({
      stat: { count: 1 },
      conditions: [foreign, { ...condition, lastTransitionTime: "2026-01-02T00:00:00.000Z" }],
    });
    await publishHostInterface(
      { ...report, conditions: [{ ...condition, status: "False" }] },
      later,
    );
    expect((await stored()).status?.conditions?.[1]?.lastTransitionTime).toBe(
      "2026-01-02T00:01:00.000Z",
    );
  });
});
