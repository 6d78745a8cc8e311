import { expect, setDefaultTimeout, test } from "bun:test";
import type { IPPool, NetworkRoutesStatus } from "../../../src/lib/api/kinds.ts";
import { apiVersion } from "../../../src/lib/api/meta.ts";
import type { KindName } from "../../../src/lib/kube/kube.ts";
import { pathOf } from "../../../src/lib/kube/resources.ts";
import { hostnameLabel } from "../../../src/lib/plan/names.ts";
import { connect } from "../../contract/api-client.ts";
import { attachRequest, host1Pools, testNode } from "../../support/attachments.ts";
import { nodeInProcess, routingHost, saidRoutes } from "../../support/nodeinprocess.ts";
import { openCrds } from "../../support/opencrd.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";
import { slice } from "../../support/slices.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(60_000);

const labels = { [hostnameLabel]: "host1" };

/** Objects of ours as no schema of ours would let them in. */
const bad: readonly (readonly [KindName, string, unknown])[] = [
  ["MultiNicNetwork", "numbers", { subnet: 7, masterNets: "x", ipam: {}, plugin: [] }],
  ["MultiNicNetwork", "policy", { ipam: "{}", plugin: { type: "ipvlan" }, attachPolicy: 3 }],
  ["MultiNicNetwork", "nothing", null],
  ["CIDR", "stray", { config: null, cidr: {} }],
  ["CIDR", "bare", { config: { name: "bare", subnet: "172.30.0.0/16" } }],
  ["CIDR", "hostless", { config: { name: 1 }, cidr: [{ hosts: 3 }] }],
  ["IPPool", "text", { ...host1Pools[0]?.spec, netAttachDef: "text", allocations: "none" }],
  ["IPPool", "bare", null],
  ["DeviceClass", "strange", { ids: { vendor: 5 } }],
  ["Config", "strange", { daemon: 4, longReconcileMinutes: "soon", logLevel: {} }],
];

/** An API server that takes anything, and a host whose kernel and record outlive its nicd. */
async function start() {
  const world = await OperatorWorld.start({ objects: openCrds() });
  const api = connect(world.api.kubeconfig());
  const node = testNode({ pools: [] });
  const host = routingHost();
  return {
    world,
    node,
    host,
    nicd: () => nodeInProcess({ kube: world.kube, kernel: host.kernel, node }),
    async store(kind: KindName, name: string, parts: object) {
      const body = { apiVersion, kind, metadata: { name, labels }, ...parts };
      expect((await api.call("POST", pathOf(kind), { body })).status).toBe(201);
    },
    /** Makes the worked example's network for two hosts. */
    async sound(): Promise<void> {
      await world.network("net", { hostAccess: true });
      await world.kube.create("CIDR", slice("net", ["host1", "host2"]));
      for (const pool of host1Pools) await world.kube.create("IPPool", labelled(pool));
    },
    /** Waits until host1 reports a network as wanted. */
    reports: (name: string, wanted: (report: NetworkRoutesStatus) => boolean) =>
      world.until("HostInterface", "host1", ({ status }) => {
        const report = status?.networks?.find((one) => one.name === name);
        return report !== undefined && wanted(report);
      }),
    /** Waits until a pool lists so many addresses. */
    lists: (pool: IPPool | undefined, count: number) =>
      world.until("IPPool", pool?.metadata.name ?? "", (p) => p.spec.allocations.length === count),
    async [Symbol.asyncDispose]() {
      node[Symbol.dispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

const labelled = (pool: IPPool): IPPool => ({ ...pool, metadata: { ...pool.metadata, labels } });
const applied = ({ applied, failures }: NetworkRoutesStatus) =>
  applied === 2 && failures.length === 0;
const failed = (text: string) => (report: NetworkRoutesStatus) =>
  report.failures.some((failure) => failure.includes(text));

test("nicd serves sound networks beside objects that cannot be read, before and after its own start", async () => {
  await using at = await start();
  for (const [kind, name, spec] of bad) await at.store(kind, name, { spec });
  await at.store("HostInterface", "host1", {
    spec: { hostName: 5, interfaces: null },
    status: { networks: "none", conditions: {} },
  });
  await using nicd = at.nicd();
  await at.sound();
  const own = await at.reports("net", applied);
  expect(own.spec.interfaces.map(({ interfaceName }) => interfaceName)).toEqual(["eth1", "eth2"]);
  for (const [kind, name, spec] of bad) await at.store(kind, `${name}2`, { spec });
  at.node.attachments.attach(attachRequest("c1"));
  await at.lists(host1Pools[0], 1);
  await at.reports("bare", failed("CIDR bare2 cannot be used: spec.cidr: missing: a list"));
  expect((await at.world.kube.get("IPPool", "text"))?.spec.allocations).toBe("none" as never);
  const log = nicd.lines.join("");
  for (const [kind, name] of bad) {
    const said = `${kind} ${name} cannot be used: spec`;
    expect(log).toContain(said);
  }
  expect(log).not.toMatch(/TypeError|is not a function|undefined is|null is|is not an obj/);
});

test("nicd removes no route of a network whose CIDR it cannot read, with its record or without, and goes on when it is mended", async () => {
  await using at = await start();
  await at.sound();
  const [sound] = (await at.world.kube.list("CIDR")).items;
  const spoil = (spec: object) => at.world.kube.patch("CIDR", "net", { spec });
  {
    await using _nicd = at.nicd();
    await at.reports("net", applied);
    at.node.attachments.attach(attachRequest("c1"));
    await at.lists(host1Pools[0], 1);
    const before = saidRoutes(at.host.here);
    expect(before).toContain("rule all 192.168.0.0/16 30000");
    await spoil({ cidr: "lost" });
    await at.reports("net", failed('CIDR net cannot be used: spec.cidr: is "lost": a list'));
    expect(saidRoutes(at.host.here)).toEqual(before);
    await spoil({ cidr: sound?.spec.cidr, config: { vlanMode: "l9" } });
    await at.reports("net", failed('spec.config.vlanMode: is "l9"'));
    expect(saidRoutes(at.host.here)).toEqual(before);
    const stray = sound?.spec.cidr.map((row) => ({
      ...row,
      hosts: row.hosts.map((host) => ({ ...host, podCIDR: "192.168.0.0/abc" })),
    }));
    await spoil({ cidr: stray, config: { vlanMode: "l3" } });
    await at.reports("net", failed('podCIDR: is "192.168.0.0/abc": a CIDR'));
    expect(saidRoutes(at.host.here)).toEqual(before);
    await spoil({ cidr: sound?.spec.cidr, config: { vlanMode: "l9" } });
    await at.reports("net", failed('spec.config.vlanMode: is "l9"'));
    expect(at.node.attachments.list().length).toBe(1);
  }
  const before = saidRoutes(at.host.here);
  // A record that was lost knows no table.
  at.node.store.tables.release("net");
  await using _again = at.nicd();
  await at.world.kube.create("CIDR", slice("other", ["host1"], { subnet: "172.16.0.0/16" }));
  await at.reports("net", failed("l9"));
  await at.reports("other", ({ observed }) => observed?.length === 1);
  expect(saidRoutes(at.host.here)).toEqual(expect.arrayContaining(before));
  await spoil({ config: { vlanMode: "l3" } });
  await at.reports("net", applied);
  expect(saidRoutes(at.host.here)).toEqual(expect.arrayContaining(before));
});

test("nicd frees and forgets nothing for a network or a pool that cannot be read any more, and closes one that is deleted", async () => {
  await using at = await start();
  await at.sound();
  await using nicd = at.nicd();
  await at.reports("net", applied);
  at.node.attachments.attach(attachRequest("c1"));
  await at.lists(host1Pools[1], 1);
  const before = saidRoutes(at.host.here);
  const { kube } = at.world;
  const finalizers = ["multinic.fms.io/test"];
  const spec = { attachPolicy: 3, plugin: null };
  await kube.patch("MultiNicNetwork", "net", { metadata: { finalizers }, spec });
  for (const { metadata } of host1Pools)
    await kube.patch("IPPool", metadata.name, { spec: { allocations: "none" } });
  await at.world.until("HostInterface", "host1", () => {
    const log = nicd.lines.join("");
    return log.includes("MultiNicNetwork net cannot") && log.split("allocations: is").length === 3;
  });
  // The record is the truth: pods come and go.
  const [first] = at.node.attachments.attach(attachRequest("c2")).interfaces;
  expect(first?.addresses).toEqual(["192.168.0.2/18"]);
  expect(at.node.view.network("net")?.plugin.type).toBe("ipvlan");
  await kube.remove("MultiNicNetwork", "net");
  await at.world.until("HostInterface", "host1", ({ status }) =>
    Boolean(status?.leaving?.some(({ name, attachments }) => name === "net" && attachments === 2)),
  );
  expect(() => at.node.attachments.attach(attachRequest("c3"))).toThrow("is being deleted");
  expect(saidRoutes(at.host.here)).toEqual(before);
  expect(at.node.attachments.list().length).toBe(2);
});
