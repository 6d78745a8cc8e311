import { expect, setDefaultTimeout, test } from "bun:test";
import { Failure } from "../../../src/lib/errors.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { ownConfig } from "../../support/objects.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(30_000);

/** A world whose network `net` is planned on two hosts that have reported. */
async function running(): Promise<OperatorWorld> {
  const world = await OperatorWorld.start();
  await world.join(1);
  await world.join(2);
  await world.kube.create("Config", ownConfig({ urgentReconcileSeconds: 1 }));
  world.operator();
  await world.network("net");
  await world.status("net", (s) => s.discovery.cidrProcessed === 2);
  for (const host of ["host1", "host2"]) await world.report(host, "net");
  await world.status("net", (s) => s.routeStatus === "Success");
  return world;
}

const pool = "net-192.168.1.0-24";

function hold(world: OperatorWorld, pods: string[]): Promise<unknown> {
  const allocations = pods.map((pod, i) => ({
    pod,
    namespace: "default",
    index: i + 1,
    address: `192.168.1.${i + 1}`,
  }));
  return world.kube.patch("IPPool", pool, { spec: { allocations } });
}

async function noReports(world: OperatorWorld): Promise<void> {
  for (const host of ["host1", "host2"]) await world.reports(host, []);
}

test("operator lets a deleted network go only when every nicd has taken its routes off", async () => {
  await using world = await running();
  await world.kube.remove("MultiNicNetwork", "net");
  await world.closes("net");
  await world.gone("CIDR", "net");
  await world.reports("host1", []);
  const left = await world.kube.get("MultiNicNetwork", "net");
  expect(left?.metadata.finalizers).toEqual(["finalizers.multinicnetwork.multinic.fms.io"]);
  expect(await world.names("IPPool")).toHaveLength(4);
  await world.reports("host2", []);
  await world.gone("MultiNicNetwork", "net");
  expect(await world.names("IPPool")).toEqual([]);
  expect(await world.names("NetworkAttachmentDefinition")).toEqual([]);
});

test("operator lists the pods that a deleted network waits for; its definitions go at once, the rest after them", async () => {
  await using world = await running();
  await hold(world, ["pod-1", "pod-2"]);
  await world.until("IPPool", pool, (p) => p.spec.allocations.length === 2);
  await world.kube.remove("MultiNicNetwork", "net");
  const { status } = await world.status("net", (s) => s.message.includes("waiting"));
  expect(status?.message).toBe(
    "waiting for pods that still hold addresses: default/pod-1, default/pod-2",
  );
  expect(await world.names("NetworkAttachmentDefinition")).toEqual([]);
  expect(await world.names("CIDR")).toEqual(["net"]);
  expect(await world.names("IPPool")).toHaveLength(4);
  await hold(world, []);
  await world.closes("net");
  await world.gone("CIDR", "net");
  await noReports(world);
  await world.gone("MultiNicNetwork", "net");
});

test("operator keeps slices until every ready nicd has closed the network: a pod that attached before is no surprise", async () => {
  await using world = await running();
  await world.kube.remove("MultiNicNetwork", "net");
  const names = () => world.names("NetworkAttachmentDefinition");
  await eventually("the definitions to go", async () =>
    (await names()).length === 0 ? { value: true } : { not: String(await names()) },
  );
  // One nicd has closed it, and tells of a pod that its pool does not show yet; the other has not heard of it.
  const leaving = [{ name: "net", attachments: 1 }];
  const tell = (host: string, status: unknown) =>
    world.kube.patch("HostInterface", host, { status }, { subresource: "status" });
  await tell("host1", { leaving });
  await hold(world, ["late"]);
  await world.status("net", (s) => s.message.includes("default/late"));
  await hold(world, []);
  await tell("host1", { leaving: [{ name: "net", attachments: 0 }] });
  await world.status("net", (s) => s.message.includes("default/late"));
  expect(await world.names("CIDR")).toEqual(["net"]);
  await world.closes("net");
  await world.gone("CIDR", "net");
  await noReports(world);
  await world.gone("MultiNicNetwork", "net");
});

test("operator waits neither for a dead node's pods nor for its report", async () => {
  await using world = await running();
  await hold(world, ["pod-1"]);
  await world.daemon("host2", "False");
  const conditions = [{ type: "Ready", status: "Unknown" }];
  await world.kube.patch("Node", "host2", { status: { conditions } }, { subresource: "status" });
  await world.kube.remove("MultiNicNetwork", "net");
  const leaving = [{ name: "net", attachments: 0 }];
  const status = { networks: [], leaving };
  await world.kube.patch("HostInterface", "host1", { status }, { subresource: "status" });
  await world.gone("MultiNicNetwork", "net");
  expect(await world.names("IPPool")).toEqual([]);
});

test("operator waits for pods on a node whose nicd only restarts", async () => {
  await using world = await running();
  await hold(world, ["pod-1"]);
  await world.daemon("host2", "False");
  await world.kube.remove("MultiNicNetwork", "net");
  await world.status("net", (s) => s.message.includes("default/pod-1"));
  expect(await world.names("CIDR")).toEqual(["net"]);
});

test("operator keeps the finalizer while cleanup fails, and deletes the definitions that it can", async () => {
  await using world = await running();
  let refused = 0;
  world.hook = ({ verb, kind, namespace }) => {
    if (verb === "remove" && kind === "NetworkAttachmentDefinition" && namespace === "default") {
      refused++;
      throw new Failure("admission webhook said no", { code: "Forbidden" });
    }
  };
  await world.kube.remove("MultiNicNetwork", "net");
  await noReports(world);
  await world.closes("net");
  await world.until("MultiNicNetwork", "net", () => refused > 1);
  expect(await world.names("NetworkAttachmentDefinition")).toEqual(["default/net"]);
  expect(await world.names("CIDR")).toEqual(["net"]);
  world.hook = undefined;
  await world.gone("MultiNicNetwork", "net");
  expect(await world.names("NetworkAttachmentDefinition")).toEqual([]);
});

test("operator cleans up a network that never was valid", async () => {
  await using world = await OperatorWorld.start();
  world.operator();
  await world.network("bad", { ipam: "{" });
  await world.status("bad", (s) => s.configStatus === "Failed");
  await world.kube.remove("MultiNicNetwork", "bad");
  await world.gone("MultiNicNetwork", "bad");
});

test("operator strips the finalizers that v1.3.1 left on what it generated", async () => {
  await using world = await running();
  const leave = (kind: "CIDR" | "IPPool" | "HostInterface", name: string) =>
    world.kube.patch(kind, name, {
      metadata: {
        finalizers: [`finalizers.${kind.toLowerCase()}.multinic.fms.io`, "other.example/stays"],
      },
    });
  await leave("CIDR", "net");
  await leave("IPPool", pool);
  await leave("HostInterface", "host1");
  for (const [kind, name] of [
    ["CIDR", "net"],
    ["IPPool", pool],
    ["HostInterface", "host1"],
  ] as const) {
    const kept = await world.until(kind, name, (o) => o.metadata.finalizers?.length === 1);
    expect(kept.metadata.finalizers).toEqual(["other.example/stays"]);
  }
});

test("operator leaves no slice and no pool of a deleted network behind whose making its watches lost", async () => {
  await using world = await OperatorWorld.start();
  await world.join(1);
  await world.kube.create("Config", ownConfig({ urgentReconcileSeconds: 1 }));
  for (const lost of ["CIDR net", "IPPool net-192.168.0.0-24"]) world.hidden.add(lost);
  world.operator();
  await world.network("net");
  await eventually("the pools", async () => {
    const pools = await world.names("IPPool");
    return pools.length === 2 ? { value: pools } : { not: String(pools) };
  });
  // A list shows them; the watch that went past them never will.
  world.hidden.clear();
  await world.kube.remove("MultiNicNetwork", "net");
  await world.closes("net");
  await world.gone("MultiNicNetwork", "net");
  expect(await world.names("CIDR")).toEqual([]);
  expect(await world.names("IPPool")).toEqual([]);
});
