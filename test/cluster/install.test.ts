import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { connectKube } from "../../src/lib/kube/connect.ts";
import type { Kinds, Kube } from "../../src/lib/kube/kube.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runOperator } from "../../src/lib/operator/operator.ts";
import { daemonSet } from "../../src/lib/plan/daemonset.ts";
import { type Api, connect } from "../contract/api-client.ts";
import { kubectl, until } from "../support/kubectl.ts";
import { upstreamConfig } from "../support/objects.ts";
import { upstreamDaemonSet } from "../support/upstreamdaemonset.ts";
import { type Installed, install, namespace } from "./applied.ts";

const image = "registry.example/multinic:1";
let world: Installed;
let admin: Api;
beforeAll(async () => {
  world = await install();
  admin = world.admin;
}, 900_000);
afterAll(() => world?.stop());

const group = "/apis/multinic.fms.io/v1";
const merge = "application/merge-patch+json";

test("kubectl apply -k manifests/ warns of nothing, and changes nothing the second time", async () => {
  expect(world.said).not.toMatch(/warning/i);
  const args = ["apply", "--server-side", "--validate=strict", "-k"];
  const manifests = join(import.meta.dir, "../../manifests");
  const { kubeconfigPath } = world.plane;
  const versions = async () => {
    const { body } = await admin.call(
      "GET",
      `${group.replace(/multinic.*/, "")}apiextensions.k8s.io/v1/customresourcedefinitions`,
    );
    return body.items.map((one: Kinds["Event"]) => [one.metadata.name, one.metadata.generation]);
  };
  const before = await versions();
  expect(await kubectl([...args, manifests], undefined, kubeconfigPath)).toMatchObject({
    ok: true,
  });
  expect(await versions()).toEqual(before);
});

test("the policies for nicd's tokens compile: the API server finds nothing to warn of in them", async () => {
  const policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
  for (const name of ["multi-nicd-hostinterfaces", "multi-nicd-ippools"]) {
    const read = async () => (await admin.call("GET", `${policies}/${name}`)).body;
    await until(async () => (await read()).status?.observedGeneration === 1, "the type check");
    expect((await read()).status.typeChecking?.expressionWarnings ?? []).toEqual([]);
  }
});

describe("a nicd's token", () => {
  const host = (name: string, spec: object = {}) => ({
    apiVersion: "multinic.fms.io/v1",
    kind: "HostInterface",
    metadata: { name },
    spec: { hostName: name, interfaces: [], ...spec },
  });
  const pool = (name: string, hostName: string) => ({
    apiVersion: "multinic.fms.io/v1",
    kind: "IPPool",
    metadata: { name, labels: { hostname: hostName } },
    spec: {
      podCIDR: "192.168.0.0/24",
      vlanCIDR: "192.168.0.0/18",
      netAttachDef: "net",
      hostName,
      interfaceName: "eth1",
      excludes: [],
      allocations: [],
    },
  });
  const one = { pod: "a", namespace: "default", index: 1, address: "192.168.0.1" };
  let nicd: Api;

  beforeAll(async () => {
    nicd = connect(await world.kubeconfigOf("multi-nicd", "host1"));
    for (const node of ["host1", "host2"]) {
      await admin.call("POST", `${group}/ippools`, { body: pool(`net-of-${node}`, node) });
    }
    await admin.call("POST", `${group}/hostinterfaces`, { body: host("host2") });
    // A policy is in force a moment after it was stored.
    const probe = () =>
      nicd.call("POST", `${group}/hostinterfaces?dryRun=All`, { body: host("probe") });
    await until(async () => (await probe()).status === 403, "the policies");
  });

  test("makes and changes its own HostInterface, status too", async () => {
    expect(
      await nicd.call("POST", `${group}/hostinterfaces`, { body: host("host1") }),
    ).toMatchObject({
      status: 201,
    });
    const path = `${group}/hostinterfaces/host1`;
    const { body } = await nicd.call("GET", path);
    const interfaces = [{ interfaceName: "eth1", netAddress: "10.0.1.0/24", hostIP: "10.0.1.1" }];
    const changed = { ...body, spec: { ...body.spec, interfaces } };
    const put = await nicd.call("PUT", path, { body: changed });
    expect(put.status).toBe(200);
    const status = { ...put.body, status: { networks: [] } };
    expect((await nicd.call("PUT", `${path}/status`, { body: status })).status).toBe(200);
  });

  test("writes allocations and status of its own pools", async () => {
    const path = `${group}/ippools/net-of-host1`;
    const body = { spec: { allocations: [one] } };
    expect((await nicd.call("PATCH", path, { type: merge, body })).status).toBe(200);
    const usage = { status: { usage: "1/254" } };
    expect((await nicd.call("PATCH", `${path}/status`, { type: merge, body: usage })).status).toBe(
      200,
    );
  });

  const own = "spec.hostName must be host1, the node of this nicd";
  test.each<[string, string, string, unknown, string]>([
    [
      "make another's HostInterface",
      "POST",
      "hostinterfaces",
      host("host3"),
      "its own HostInterface only",
    ],
    [
      "make its own under another host name",
      "POST",
      "hostinterfaces",
      host("host1b", { hostName: "host1" }),
      "its own HostInterface only",
    ],
    ["rename its host", "PATCH", "hostinterfaces/host1", { spec: { hostName: "host2" } }, own],
    [
      "claim another's HostInterface",
      "PATCH",
      "hostinterfaces/host2",
      { spec: { hostName: "host1" } },
      "its own HostInterface only",
    ],
    [
      "write another's status",
      "PATCH",
      "hostinterfaces/host2/status",
      { status: { networks: [] } },
      "its own HostInterface only",
    ],
    [
      "relabel its own",
      "PATCH",
      "hostinterfaces/host1",
      { metadata: { labels: { a: "b" } } },
      "may not change labels",
    ],
    [
      "write another's allocations",
      "PATCH",
      "ippools/net-of-host2",
      { spec: { allocations: [one] } },
      "its own IPPools only",
    ],
    [
      "write another's pool status",
      "PATCH",
      "ippools/net-of-host2/status",
      { status: { usage: "1/1" } },
      "its own IPPools only",
    ],
    [
      "take another's pool",
      "PATCH",
      "ippools/net-of-host2",
      { spec: { hostName: "host1" } },
      "its own IPPools only",
    ],
    [
      "give its pool away",
      "PATCH",
      "ippools/net-of-host1",
      { spec: { hostName: "host2" } },
      "may change spec.allocations only",
    ],
    [
      "move its pool",
      "PATCH",
      "ippools/net-of-host1",
      { spec: { podCIDR: "10.0.0.0/24" } },
      "may change spec.allocations only",
    ],
    [
      "open excluded addresses",
      "PATCH",
      "ippools/net-of-host1",
      { spec: { excludes: ["192.168.0.9/32"] } },
      "may change spec.allocations only",
    ],
    [
      "keep its pool from going",
      "PATCH",
      "ippools/net-of-host1",
      { metadata: { finalizers: ["a.example/b"] } },
      "may not change labels",
    ],
  ])("may not %s", async (_, method, path, body, why) => {
    const target = path.startsWith("hostinterfaces") && method === "PATCH" ? "PUT" : method;
    const answer =
      target === "PUT"
        ? await putMerged(nicd, path, body)
        : await nicd.call(method, `${group}/${path}`, {
            ...(method === "PATCH" && { type: merge }),
            body,
          });
    expect(answer.body.message).toContain(why);
    expect(answer.status).toBe(403);
  });

  test.each([
    ["POST", "ippools", pool("made", "host1")],
    ["DELETE", "ippools/net-of-host1", undefined],
    ["DELETE", "hostinterfaces/host1", undefined],
    ["PATCH", "configs/multi-nicd", { spec: { logLevel: 1 } }],
    ["PATCH", "multinicnetworks/net", { spec: {} }],
  ])("has no right to %s %s", async (method, path, body) => {
    const call = { ...(method === "PATCH" && { type: merge }), ...(body && { body }) };
    expect((await nicd.call(method, `${group}/${path}`, call)).status).toBe(403);
  });

  test("leaves the spec of an unmanaged HostInterface to its user", async () => {
    const labels = { "multi-nic-unmanaged": "true" };
    const user = { type: merge, body: { metadata: { labels } } };
    expect((await admin.call("PATCH", `${group}/hostinterfaces/host1`, user)).status).toBe(200);
    const refused = await putMerged(nicd, "hostinterfaces/host1", { spec: { interfaces: [] } });
    expect(refused.body.message).toContain("this HostInterface is unmanaged");
    const status = { status: { networks: [] } };
    expect((await putMerged(nicd, "hostinterfaces/host1/status", status)).status).toBe(200);
  });

  test("that is bound to no node may write nothing", async () => {
    const loose = connect(await world.kubeconfigOf("multi-nicd"));
    const answer = await loose.call("POST", `${group}/hostinterfaces`, { body: host("host5") });
    expect(answer.body.message).toContain("does not say which node it is for");
  });

  test("of a user or the operator is not held to this", async () => {
    const answer = await admin.call("POST", `${group}/hostinterfaces`, { body: host("by-hand") });
    expect(answer.status).toBe(201);
  });
});

/** Reads an object as an administrator, changes it, and puts it back as somebody else. */
async function putMerged(as: Api, path: string, change: unknown) {
  const { body } = await admin.call("GET", `${group}/${path}`);
  const part = change as Record<string, Record<string, unknown>>;
  const merged = { ...body };
  for (const key of Object.keys(part)) merged[key] = { ...body[key], ...part[key] };
  return as.call("PUT", `${group}/${path}`, { body: merged });
}

describe("the operator, with its own service account", () => {
  const where = { namespace };
  let kube: Kube;
  let stop: AbortController;
  let ended: Promise<void>;

  beforeAll(async () => {
    kube = await connectKube({ kubeconfig: world.plane.kubeconfigPath });
    const account = "multi-nic-cni-operator-controller-manager";
    const file = world.fileOf(await world.kubeconfigOf(account));
    await kube.create("DaemonSet", upstreamDaemonSet(namespace));
    await kube.create("Config", { ...upstreamConfig(), metadata: { name: "multi-nicd" } });
    stop = new AbortController();
    ended = runOperator(
      {
        kube: await connectKube({ kubeconfig: file }),
        namespace,
        image,
        identity: "test",
        log: silentLog,
        now: Date.now,
        sha256: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
        elect: true,
      },
      stop.signal,
    );
  });
  afterAll(async () => {
    stop?.abort();
    await ended?.catch(() => {});
  });
  // biome-ignore lint/suspicious/noExplicitAny: the pod template is the server's own shape
  const podOf = (one: Kinds["DaemonSet"] | undefined): any => (one?.spec as any)?.template?.spec;

  test("takes v1.3.1's DaemonSet over: volumes, mounts, variables, privileges", async () => {
    const read = () => kube.get("DaemonSet", "multi-nicd", where);
    await until(async () => podOf(await read())?.containers[0].image === image, "the takeover");
    const pod = podOf(await read());
    const wanted = daemonSet(upstreamConfig(), { ...where, image }).spec.template.spec;
    const names = (list: readonly Record<string, unknown>[]) => list.map((o) => o["name"]).sort();
    expect(names(pod.volumes)).toEqual(names(wanted.volumes));
    const [container] = wanted.containers;
    expect(names(pod.containers[0].env)).toEqual(names(container?.env ?? []));
    expect(names(pod.containers[0].volumeMounts)).toEqual(names(container?.volumeMounts ?? []));
    expect(pod.containers[0].securityContext).toMatchObject({
      privileged: false,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
    });
    expect(pod.serviceAccountName).toBe("multi-nicd");
    expect(pod.serviceAccount).toBe("multi-nicd");
  });

  test("follows Config: a variable that goes is gone, and applying again changes nothing", async () => {
    const env = [{ name: "ONLY", value: "1" }];
    await kube.patch("Config", "multi-nicd", { spec: { daemon: { env } } });
    const named = async () => {
      const one = await kube.get("DaemonSet", "multi-nicd", where);
      return podOf(one).containers[0].env.map((v: { name: string }) => v.name);
    };
    await until(async () => (await named()).includes("ONLY"), "the variable");
    expect(await named()).not.toContain("RT_TABLE_PATH");
    const generation = async () =>
      (await kube.get("DaemonSet", "multi-nicd", where))?.metadata.generation ?? 0;
    const before = await generation();
    await kube.patch("Config", "multi-nicd", { metadata: { annotations: { a: "b" } } });
    // What nicd reads itself is not in the DaemonSet: no roll.
    await kube.patch("Config", "multi-nicd", { spec: { logLevel: 7 } });
    await kube.patch("Config", "multi-nicd", { spec: { daemon: { port: 12000 } } });
    await until(async () => (await generation()) > before, "the port");
    expect(await generation()).toBe(before + 1);
  });

  test("takes the DaemonSet away with its Config", async () => {
    await kube.remove("Config", "multi-nicd");
    const gone = async () =>
      (await kube.get("Config", "multi-nicd")) === undefined &&
      (await kube.get("DaemonSet", "multi-nicd", where))?.metadata.deletionTimestamp === undefined;
    await until(gone, "the end of Config");
    await until(
      async () => (await kube.get("DaemonSet", "multi-nicd", where)) === undefined,
      "the end of the DaemonSet",
    );
  });
});
