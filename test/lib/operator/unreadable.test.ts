import { expect, setDefaultTimeout, test } from "bun:test";
import { apiVersion } from "../../../src/lib/api/meta.ts";
import type { KindName } from "../../../src/lib/kube/kube.ts";
import { pathOf } from "../../../src/lib/kube/resources.ts";
import { connect } from "../../contract/api-client.ts";
import { openCrds } from "../../support/opencrd.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(60_000);

/** Objects of ours as no schema of ours would let them in; what each would do if it were believed. */
const bad: readonly (readonly [KindName, string, unknown])[] = [
  ["MultiNicNetwork", "numbers", { subnet: 7, masterNets: "x", ipam: {}, plugin: [] }],
  ["MultiNicNetwork", "nothing", null],
  ["HostInterface", "host8", { hostName: 5 }],
  ["HostInterface", "host9", "text"],
  ["CIDR", "stray", { config: null, cidr: {} }],
  ["CIDR", "hostless", { config: { name: 1 }, cidr: [{ hosts: 3 }] }],
  ["IPPool", "stray", { allocations: "none" }],
  ["IPPool", "bare", null],
  ["Config", "strange", { daemon: 4, longReconcileMinutes: "soon" }],
];

test("operator serves sound networks beside objects that cannot be read, before and after its own start", async () => {
  await using world = await OperatorWorld.start({ objects: openCrds() });
  const api = connect(world.api.kubeconfig());
  const store = async (kind: KindName, name: string, spec: unknown) => {
    const body = { apiVersion, kind, metadata: { name }, spec };
    expect((await api.call("POST", pathOf(kind), { body })).status).toBe(201);
  };
  await world.join(1);
  for (const [kind, name, spec] of bad) await store(kind, name, spec);
  world.operator();
  await world.network("first");
  await world.status("first", (s) => s.configStatus === "Success");
  for (const [kind, name, spec] of bad) await store(kind, `${name}2`, spec);
  await world.network("second", { subnet: "172.16.0.0/16" });
  await world.status("second", (s) => s.configStatus === "Success");
  const slice = await world.until("CIDR", "second", () => true);
  expect(slice.spec.cidr.flatMap((entry) => entry.hosts.map((row) => row.podCIDR))).toEqual([
    "172.16.0.0/24",
    "172.16.64.0/24",
  ]);

  const told = await world.status("numbers", (s) => s.configStatus === "Failed");
  expect(told.status?.message).toContain(
    "MultiNicNetwork numbers cannot be used: spec.subnet: is 7",
  );
  await world.kube.remove("MultiNicNetwork", "numbers");
  await world.gone("MultiNicNetwork", "numbers");
  await world.kube.remove("Config", "strange");
  await world.gone("Config", "strange");
});

test("operator leaves a network alone whose CIDR cannot be read, says so, and rebuilds it once it is deleted", async () => {
  await using world = await OperatorWorld.start({ objects: openCrds() });
  await world.join(1);
  world.operator();
  await world.network("net");
  await world.status("net", (s) => s.configStatus === "Success" && s.discovery.cidrProcessed === 1);
  const before = await world.rows("net");
  await world.kube.patch("CIDR", "net", { spec: { cidr: "lost" } });
  const told = await world.status("net", (s) => s.configStatus === "Failed");
  expect(told.status?.message).toContain('CIDR net cannot be used: spec.cidr: is "lost"');
  expect((await world.names("IPPool")).length).toBe(2);
  expect(await world.names("NetworkAttachmentDefinition")).not.toEqual([]);
  await world.kube.remove("CIDR", "net");
  await world.status("net", (s) => s.configStatus === "Success" && s.discovery.cidrProcessed === 1);
  expect(await world.rows("net")).toEqual(before);

  await world.kube.patch("CIDR", "net", { spec: { cidr: "lost" } });
  await world.status("net", (s) => s.configStatus === "Failed");
  await world.kube.remove("MultiNicNetwork", "net");
  await world.closes("net");
  await world.gone("MultiNicNetwork", "net");
  expect(await world.names("CIDR")).toEqual([]);
});

test("operator writes no status again for keys that others keep in it, which would wake it for ever", async () => {
  await using world = await OperatorWorld.start({ objects: openCrds() });
  world.operator();
  await world.network("net");
  await world.status("net", (s) => s.configStatus === "Success");
  const status = { kept: 1, discovery: { kept: 1 } };
  const from = world.writes.length;
  await world.kube.patch("MultiNicNetwork", "net", { status }, { subresource: "status" });
  // Its turn comes after that of "net", which the same change woke.
  await world.network("other", { subnet: "172.16.0.0/16" });
  await world.status("other", (s) => s.configStatus === "Success");
  expect(world.writes.slice(from).filter(({ name }) => name === "net")).toEqual([]);
});
