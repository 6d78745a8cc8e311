import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Api, connect } from "../contract/api-client.ts";
import { until } from "../support/kubectl.ts";
import { type Installed, install } from "./applied.ts";

let world: Installed;
let admin: Api;
beforeAll(async () => {
  world = await install();
  admin = world.admin;
}, 900_000);
afterAll(() => world?.stop());

const group = "/apis/multinic.fms.io/v1";
const merge = "application/merge-patch+json";
const definitions = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions";
const policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";

test("the policies for nicd's tokens compile: the API server finds nothing to warn of in them", async () => {
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

  const accounts = "/api/v1/namespaces/multi-nic-cni-operator/serviceaccounts";
  const json = "application/json-patch+json";
  const label = [{ op: "add", path: "/metadata/labels", value: { a: "b" } }];
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "mine" },
    spec: { containers: [{ name: "c", image: "i" }] },
  };
  test.each<[string, string, string, ...(readonly unknown[])]>([
    ["all HostInterfaces away", "DELETE", `${group}/hostinterfaces`],
    ["all IPPools away", "DELETE", `${group}/ippools`],
    ["all networks away", "DELETE", `${group}/multinicnetworks`],
    ["a HostInterface by patch", "PATCH", `${group}/hostinterfaces/host1`, { spec: {} }, merge],
    ["another's by patch", "PATCH", `${group}/hostinterfaces/host2`, label, json],
    ["a CIDR", "PATCH", `${group}/cidrs/net`, { spec: {} }, merge],
    ["a CIDR's status", "PATCH", `${group}/cidrs/net/status`, { status: {} }, merge],
    ["a network's status", "PATCH", `${group}/multinicnetworks/net/status`, { status: {} }, merge],
    ["a token of its own account", "POST", `${accounts}/multi-nicd/token`, { spec: {} }],
    ["a token of the operator", "POST", `${accounts}/default/token`, { spec: {} }],
    ["a pod", "POST", "/api/v1/namespaces/default/pods", pod],
    ["a pod's end", "DELETE", "/api/v1/namespaces/default/pods/any"],
    ["a command in a pod", "POST", "/api/v1/namespaces/default/pods/any/exec?command=id"],
    ["a secret", "GET", "/api/v1/namespaces/multi-nic-cni-operator/secrets"],
    ["every secret", "GET", "/api/v1/secrets"],
    ["a config map", "GET", "/api/v1/namespaces/kube-system/configmaps"],
    ["a node", "PATCH", "/api/v1/nodes/host1", { metadata: { labels: { a: "b" } } }, merge],
    ["a definition", "DELETE", `${definitions}/any`],
    ["a role", "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles"],
    ["its policy", "DELETE", `${policies}/multi-nicd-hostinterfaces`],
    ["the operator's lease", "GET", "/apis/coordination.k8s.io/v1/leases"],
    ["its DaemonSet", "GET", "/apis/apps/v1/namespaces/multi-nic-cni-operator/daemonsets"],
  ])("has no way to %s", async (_, method, path, ...[body, type]) => {
    const call = {
      ...(type !== undefined && { type: String(type) }),
      ...(body !== undefined && { body }),
    };
    expect((await nicd.call(method, path, call)).status).toBe(403);
  });

  test("reaches no other node's objects by a status subresource that holds a spec, metadata or another name", async () => {
    const before = await admin.call("GET", `${group}/ippools/net-of-host2`);
    const spec = { hostName: "host1", allocations: [one] };
    const own = { spec, status: { usage: "1/254" }, metadata: { labels: { hostname: "host2" } } };
    const path = `${group}/ippools/net-of-host1/status`;
    await nicd.call("PATCH", path, { type: merge, body: own });
    const after = (await admin.call("GET", `${group}/ippools/net-of-host1`)).body;
    expect(after.metadata.labels).toEqual({ hostname: "host1" });
    const other = { ...own, metadata: { name: "net-of-host2" } };
    expect((await nicd.call("PATCH", path, { type: merge, body: other })).status).toBeOneOf([
      400, 409, 403,
    ]);
    expect((await admin.call("GET", `${group}/ippools/net-of-host2`)).body).toEqual(before.body);
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
