import { expect, setDefaultTimeout, test } from "bun:test";
import { parse } from "yaml";
import { Failure } from "../../../src/lib/errors.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { OperatorWorld, operatorNamespace } from "../../support/operatorworld.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(30_000);

const sample = new URL("../../golden/samples/ipvlan-l3/network-status-field.yaml", import.meta.url);

/** A world with an operator, the worked example's two hosts and one network. */
async function twoHosts(): Promise<OperatorWorld> {
  const world = await OperatorWorld.start();
  await world.join(1);
  await world.join(2);
  world.operator();
  return world;
}

test("operator makes the worked example's slices and pools, and its status once both hosts have reported", async () => {
  await using world = await twoHosts();
  world.wall = Date.UTC(2025, 0, 1);
  await world.network("ipvlan-l3");
  await world.status(
    "ipvlan-l3",
    (s) => s.routeStatus === "WaitForRoutes" && s.discovery.cidrProcessed === 2,
  );
  expect(await world.rows("ipvlan-l3")).toEqual([
    "host1 0 192.168.0.0/24",
    "host1 0 192.168.64.0/24",
    "host2 1 192.168.1.0/24",
    "host2 1 192.168.65.0/24",
  ]);
  expect(await world.names("IPPool")).toEqual([
    "ipvlan-l3-192.168.0.0-24",
    "ipvlan-l3-192.168.1.0-24",
    "ipvlan-l3-192.168.64.0-24",
    "ipvlan-l3-192.168.65.0-24",
  ]);
  for (const host of ["host1", "host2"]) await world.report(host, "ipvlan-l3");
  const done = await world.status("ipvlan-l3", (s) => s.routeStatus === "Success");
  const { conditions, ...asBefore } = done.status ?? {};
  expect<unknown>(asBefore).toEqual(parse(await Bun.file(sample).text()));
  expect(conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
    ["ConfigReady", "True", "DefinitionsWritten"],
    ["RoutesReady", "True", "RoutesApplied"],
    ["Ready", "True", "Ready"],
  ]);
  expect(done.metadata.finalizers).toEqual(["finalizers.multinicnetwork.multinic.fms.io"]);
});

test("operator says for each host why routeStatus is not Success, worst first", async () => {
  await using world = await twoHosts();
  await world.network("net");
  const waiting = await world.status(
    "net",
    (s) => s.routeStatus === "WaitForRoutes" && s.message.includes("host2"),
  );
  expect(waiting.status?.message).toBe("waiting for routes on host1, host2");
  await world.report("host1", "net");
  await world.status("net", (s) => s.message === "waiting for routes on host2");
  await world.daemon("host2", "False");
  await world.status(
    "net",
    (s) => s.routeStatus === "Unknown" && s.message === "nicd is not ready on host2",
  );
  const failure =
    "Cannot add route 192.168.1.0/24 via 10.0.1.2 dev eth1: Network is unreachable (ENETUNREACH)";
  await world.report("host1", "net", { applied: 1, failures: [failure] });
  const failed = await world.status("net", (s) => s.routeStatus === "Failed");
  expect(failed.status?.message).toBe(`routes not applied on host1: ${failure}`);
  await world.daemon("host2", "True");
  for (const host of ["host1", "host2"]) await world.report(host, "net");
  expect((await world.status("net", (s) => s.routeStatus === "Success")).status?.message).toBe("");
});

test("operator takes a report on an older generation of a slice for none", async () => {
  await using world = await twoHosts();
  await world.network("net");
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  for (const host of ["host1", "host2"]) await world.report(host, "net");
  await world.status("net", (s) => s.routeStatus === "Success");
  await world.join(3);
  const status = (await world.status("net", (s) => s.discovery.cidrProcessed === 3)).status;
  expect([status?.routeStatus, status?.message]).toEqual([
    "WaitForRoutes",
    "waiting for routes on host1, host2, host3",
  ]);
});

test("operator says N/A for routes where hosts route nothing", async () => {
  await using world = await twoHosts();
  const plugin = { cniVersion: "1.0.0", type: "ipvlan", args: { mode: "l2" } };
  await world.network("l2", {
    plugin,
    ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l2"}',
  });
  await world.network("other", {
    plugin,
    subnet: "",
    multiNICIPAM: false,
    ipam: '{"type":"whereabouts","range":"10.9.0.0/24"}',
  });
  for (const name of ["l2", "other"]) {
    const { status } = await world.status(name, (s) => s.configStatus === "Success");
    expect([status?.routeStatus, status?.message]).toEqual(["N/A", ""]);
  }
  expect(await world.rows("l2")).toHaveLength(4);
  expect(await world.rows("other")).toEqual([]);
});

test("operator fills masterNets from the hosts' NICs when a network names none", async () => {
  await using world = await twoHosts();
  await world.network("net", { masterNets: [] });
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  const definition = await world.until("NetworkAttachmentDefinition", "net", () => true, {
    namespace: "default",
  });
  const config = JSON.parse(definition.spec.config) as { masterNets: string[] };
  expect(config.masterNets).toEqual(["10.0.1.0/24", "10.0.2.0/24"]);
  const slice = await world.until("CIDR", "net", () => true);
  expect(slice.spec.config.masterNets).toEqual(["10.0.1.0/24", "10.0.2.0/24"]);
});

test("operator fails two networks whose subnets overlap, naming both, and heals when one goes", async () => {
  await using world = await twoHosts();
  await world.network("a", { subnet: "192.168.0.0/16" });
  await world.status("a", (s) => s.configStatus === "Success");
  const before = await world.rows("a");
  await world.network("b", { subnet: "192.168.128.0/17" });
  for (const name of ["a", "b"]) {
    const { status } = await world.status(name, (s) => s.configStatus === "Failed");
    expect(status?.message).toContain("of network a overlaps 192.168.128.0/17 of network b");
  }
  expect(await world.rows("b")).toEqual([]);
  expect(await world.rows("a")).toEqual(before);
  await world.kube.remove("MultiNicNetwork", "b");
  await world.gone("MultiNicNetwork", "b");
  await world.status("a", (s) => s.configStatus === "Success" && !s.message.includes("overlaps"));
});

test("operator refuses a plan that would move a running pod's podCIDR, says so, and keeps the old one", async () => {
  await using world = await twoHosts();
  await world.network("net");
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  const before = await world.rows("net");
  const held = [{ pod: "pod-1", namespace: "default", index: 1, address: "192.168.1.1" }];
  await world.kube.patch("IPPool", "net-192.168.1.0-24", { spec: { allocations: held } });
  const ipam = (hostBlock: number) =>
    JSON.stringify({ type: "multi-nic-ipam", hostBlock, interfaceBlock: 2, vlanMode: "l3" });
  await world.kube.patch("MultiNicNetwork", "net", { spec: { ipam: ipam(4) } });
  const { status } = await world.status("net", (s) => s.configStatus === "Failed");
  expect(status?.message).toContain("pods on host2 hold addresses of 192.168.1.0/24");
  expect(await world.rows("net")).toEqual(before);
  // The definitions go on with what pods can get.
  await world.namespace("later");
  await world.kube.patch("IPPool", "net-192.168.1.0-24", { spec: { allocations: [] } });
  await world.status("net", (s) => s.configStatus === "Success");
  expect(await world.rows("net")).toContain("host2 1 192.168.4.0/22");
  await world.until("NetworkAttachmentDefinition", "net", () => true, { namespace: "later" });
});

test("operator goes on defining a network when one host too many finds no block", async () => {
  await using world = await twoHosts();
  await world.network("net", {
    ipam: '{"type":"multi-nic-ipam","hostBlock":1,"interfaceBlock":2,"vlanMode":"l3"}',
  });
  await world.status("net", (s) => s.configStatus === "Success");
  await world.join(3);
  const { status } = await world.status("net", (s) => s.configStatus === "Failed");
  expect(status?.message).toContain("host3 found none left: 2 bits would fit");
  await world.namespace("later");
  await world.until("NetworkAttachmentDefinition", "net", () => true, { namespace: "later" });
  expect(await world.rows("net")).toHaveLength(4);
});

test("operator puts definitions into every namespace, later ones too, and takes them out of those no longer listed", async () => {
  await using world = await twoHosts();
  await world.network("net");
  await world.status("net", (s) => s.configStatus === "Success");
  const system = ["default", "kube-node-lease", "kube-public", "kube-system", operatorNamespace];
  expect(await world.names("NetworkAttachmentDefinition")).toEqual(system.map((ns) => `${ns}/net`));
  await world.namespace("later");
  await world.until("NetworkAttachmentDefinition", "net", () => true, { namespace: "later" });
  await world.kube.patch("MultiNicNetwork", "net", { spec: { namespaces: ["later", "default"] } });
  await world.gone("NetworkAttachmentDefinition", "net", { namespace: operatorNamespace });
  await world.gone("NetworkAttachmentDefinition", "net", { namespace: "kube-system" });
  await world.gone("NetworkAttachmentDefinition", "net", { namespace: "kube-public" });
  await world.gone("NetworkAttachmentDefinition", "net", { namespace: "kube-node-lease" });
  expect(await world.names("NetworkAttachmentDefinition")).toEqual(["default/net", "later/net"]);
});

test("operator writes every other definition when one namespace refuses, says which, and tries again soon", async () => {
  await using world = await twoHosts();
  // The operator's own.
  await world.until("Config", "multi-nicd", () => true);
  await world.kube.patch("Config", "multi-nicd", { spec: { urgentReconcileSeconds: 1 } });
  await world.namespace("broken");
  world.hook = ({ kind, namespace }) => {
    if (kind === "NetworkAttachmentDefinition" && namespace === "broken") {
      throw new Failure("admission webhook said no", { code: "Forbidden" });
    }
  };
  await world.network("net");
  await world.status("net", (s) =>
    s.message.includes("1 of 6 attachment definitions are not written yet"),
  );
  expect(await world.names("NetworkAttachmentDefinition")).toHaveLength(5);
  const events = await eventually("an Event", async () => {
    const { items } = await world.kube.list("Event");
    return items.length > 0 ? { value: JSON.stringify(items) } : { not: "none" };
  });
  expect(events).toContain("broken: admission webhook said no");
  world.hook = undefined;
  await world.kube.patch("MultiNicNetwork", "net", {
    metadata: { annotations: { look: "again" } },
  });
  await world.status("net", (s) => s.configStatus === "Success");
});

test("operator says in an Event which hosts' own net the subnet hides, and plans all the same", async () => {
  await using world = await twoHosts();
  await world.network("net", { subnet: "10.0.0.0/12" });
  await world.status("net", (s) => s.configStatus === "Success");
  const events = await eventually("an Event", async () => {
    const { items } = await world.kube.list("Event");
    const note = items.find((event) => event["reason"] === "PlanNote");
    return note ? { value: String(note["message"]) } : { not: JSON.stringify(items) };
  });
  expect(events).toContain("10.0.0.0/12 of network net overlaps 10.0.1.0/24 of eth1 of host1");
});

test("operator repairs a definition that somebody edited or deleted, and leaves a stranger's alone", async () => {
  await using world = await twoHosts();
  await world.namespace("mine");
  await world.kube.create("NetworkAttachmentDefinition", {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: "net", namespace: "mine" },
    spec: { config: '{"type":"bridge"}' },
  });
  await world.network("net");
  const first = await world.until("NetworkAttachmentDefinition", "net", () => true, {
    namespace: "default",
  });
  await world.kube.patch(
    "NetworkAttachmentDefinition",
    "net",
    { spec: { config: "{}" } },
    { namespace: "default" },
  );
  await world.until(
    "NetworkAttachmentDefinition",
    "net",
    (d) => d.spec.config === first.spec.config,
    {
      namespace: "default",
    },
  );
  await world.kube.remove("NetworkAttachmentDefinition", "net", { namespace: "default" });
  await world.until(
    "NetworkAttachmentDefinition",
    "net",
    (d) => d.metadata.uid !== first.metadata.uid,
    {
      namespace: "default",
    },
  );
  // While the operator writes, more than one may be missing for a moment.
  await world.status("net", (s) => s.message.includes("1 of 6"));
  const strange = await world.kube.get("NetworkAttachmentDefinition", "net", { namespace: "mine" });
  expect(strange?.spec.config).toBe('{"type":"bridge"}');
});

test("operator judges what CEL cannot and names the field", async () => {
  await using world = await twoHosts();
  await world.network("net", {
    ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l2"}',
  });
  const { status } = await world.status("net", (s) => s.configStatus === "Failed");
  expect(status?.message).toContain("spec.plugin.args.mode: is l3, but spec.ipam.vlanMode is l2");
  expect(await world.names("NetworkAttachmentDefinition")).toEqual([]);
  expect(await world.names("CIDR")).toEqual([]);
});
