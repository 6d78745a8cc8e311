import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cidr, MultiNicNetwork } from "../../src/lib/api/kinds.ts";
import { silentLog } from "../../src/lib/log.ts";
import { type RoutesDeps, reconcileRoutes, removeRoutes } from "../../src/lib/nicd/routes.ts";
import { sampleBlock } from "../support/ipsamples.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";
import { dualStack, slice, workedExample } from "../support/slices.ts";

const etc = mkdtempSync(join(tmpdir(), "iproute2-"));
afterAll(() => rmSync(etc, { recursive: true }));
beforeEach(() => {
  rmSync(etc, { recursive: true, force: true });
  mkdirSync(etc);
});

/** Host1 of the worked example: eth1 and eth2 as veth pairs whose far ends are up. */
function host1(label: string): Scratch {
  const host = scratch(label);
  for (const plane of [1, 2]) {
    host.kernel.addLink(`eth${plane}`, { kind: "veth", peer: { name: `far${plane}` } });
    for (const name of [`eth${plane}`, `far${plane}`]) {
      const index = host.kernel.link(name)?.index ?? 0;
      host.kernel.setLink(index, { up: true });
      if (!name.startsWith("eth")) continue;
      host.kernel.addAddress(index, `10.0.${plane}.1/24`);
      host.kernel.addAddress(index, `fd00:10:${plane}::1/64`, { nodad: true });
    }
  }
  return host;
}

interface World {
  slices: Cidr[];
  networks: { name: string; hostAccess: boolean }[];
  readonly recorded: Map<string, number>;
  attached: Set<string>;
}

function world(slices: Cidr[]): World {
  return { slices, networks: [], recorded: new Map(), attached: new Set() };
}

function depsOf(host: Scratch, state: World): RoutesDeps {
  return {
    hostName: "host1",
    kernel: host.kernel,
    tables: {
      list: () => [...state.recorded].map(([network, id]) => ({ network, id })),
      adopt: (network, id) => void state.recorded.set(network, id),
      release: (network) => state.recorded.delete(network),
    },
    attachedNetworks: () => state.attached,
    inUse: () => true,
    iproute2Dir: etc,
    log: silentLog,
  };
}

async function bring(host: Scratch, state: World) {
  const networks = state.networks.map(
    ({ name, hostAccess }): MultiNicNetwork => ({
      apiVersion: "multinic.fms.io/v1",
      kind: "MultiNicNetwork",
      metadata: { name },
      spec: { ipam: "{}", plugin: { type: "ipvlan" }, hostAccess },
    }),
  );
  const report = await reconcileRoutes(
    depsOf(host, state),
    {
      slices: { synced: true, list: () => state.slices },
      networks: { synced: true, list: () => networks },
    },
    [],
  );
  if (!report) throw new Error("nothing was done");
  return report;
}

/** What a person sees: `ip rule`, `ip route show table …`, without the names of this test's own rt_tables. */
function show(host: Scratch, ...args: string[]): string[] {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["ip", "-n", host.name, ...args]);
  const said = stderr.toString();
  if (exitCode !== 0 && !said.includes("FIB table does not exist")) throw new Error(said);
  return (
    stdout
      .toString()
      .split("\n")
      // The kernel tells routes of a new carrier when it comes to it, up to a second later.
      .map((line) => line.replace(/ linkdown\b/g, "").trim())
      .filter((line) => line !== "")
  );
}

describe.skipIf(!kernelHas("veth"))("reconcileRoutes in a namespace", () => {
  test("leaves host1 exactly as the sample of the worked example shows it", async () => {
    using host = host1("rt-worked");
    const state = world([workedExample()]);
    expect(await bring(host, state)).toEqual({
      steps: 4,
      failed: false,
      podCIDRs: new Map([["ipvlan-l3", ["192.168.0.0/24", "192.168.64.0/24"]]]),
      networks: [
        {
          name: "ipvlan-l3",
          wanted: 2,
          applied: 2,
          failures: [],
          podCIDRs: ["192.168.0.0/24", "192.168.64.0/24"],
          observed: ["ipvlan-l3@1"],
        },
      ],
    });
    const sample = sampleBlock("ipvlan-l3.host1.txt");
    expect(show(host, "rule")).toEqual(sample("ip rule"));
    expect(show(host, "route", "show", "table", "30000")).toEqual(
      sample("ip route show table 30000"),
    );
    expect(readFileSync(join(etc, "rt_tables.d/multinic.conf"), "utf8")).toContain(
      "30000\tipvlan-l3\n",
    );

    state.networks = [{ name: "ipvlan-l3", hostAccess: true }];
    expect(await bring(host, state)).toMatchObject({ steps: 1, failed: false });
    expect(show(host, "rule")).toEqual(expect.arrayContaining(sample("with hostAccess")));
  });

  test("does both families as the dual-stack sample shows it, and again does nothing", async () => {
    using host = host1("rt-dual");
    const state = world([dualStack()]);
    expect(await bring(host, state)).toMatchObject({
      failed: false,
      networks: [{ wanted: 4, applied: 4 }],
    });
    const sample = sampleBlock("dual-stack.host1.txt");
    expect(show(host, "rule")).toEqual(expect.arrayContaining(sample("ip rule")));
    expect(show(host, "-6", "rule")).toEqual(expect.arrayContaining(sample("ip -6 rule")));
    for (const family of ["", "-6 "])
      expect(show(host, ...`${family}route show table 30000`.split(" "))).toEqual(
        sample(`ip ${family}route show table 30000`),
      );
    expect(await bring(host, state)).toMatchObject({ steps: 0, failed: false });
  });

  test("deletes exactly the routes of a host that leaves, and adds those of one that joins", async () => {
    using host = host1("rt-leave");
    const state = world([slice("net", ["host1", "host2", "host3"])]);
    await bring(host, state);
    const before = show(host, "route", "show", "table", "30000");
    expect(before).toHaveLength(4);
    state.slices = [slice("net", ["host1", "host2"])];
    expect(await bring(host, state)).toMatchObject({ steps: 2, failed: false });
    expect(show(host, "route", "show", "table", "30000")).toEqual(
      before.filter((line) => !line.includes("10.0.1.3") && !line.includes("10.0.2.3")),
    );
    state.slices = [slice("net", ["host1", "host2", "host3"])];
    expect(await bring(host, state)).toMatchObject({ steps: 2, failed: false });
    expect(show(host, "route", "show", "table", "30000").sort()).toEqual(before.sort());
  });

  test("reports a link that is down, and restores its routes of both families when it is up again", async () => {
    using host = host1("rt-down");
    const state = world([dualStack()]);
    await bring(host, state);
    const eth2 = host.kernel.link("eth2")?.index ?? 0;
    host.kernel.setLink(eth2, { up: false });
    const down = await bring(host, state);
    expect(down).toMatchObject({ failed: true, networks: [{ wanted: 4, applied: 2 }] });
    expect(down.networks[0]?.failures).toEqual(["eth2 is down: 2 routes wait for it"]);
    expect(show(host, "route", "show", "table", "30000").join()).not.toContain("eth2");
    host.kernel.setLink(eth2, { up: true });
    host.kernel.addAddress(eth2, "fd00:10:2::1/64", { nodad: true });
    expect(await bring(host, state)).toMatchObject({
      steps: 2,
      failed: false,
      networks: [{ wanted: 4, applied: 4 }],
    });
  });

  test("says which route the kernel refused and why", async () => {
    using host = host1("rt-refused");
    const cidr = workedExample();
    for (const peer of cidr.spec.cidr[0]?.hosts ?? [])
      if (peer.hostName === "host2") peer.hostIP = "172.31.0.9";
    const report = await bring(host, world([cidr]));
    expect(report).toMatchObject({ failed: true, networks: [{ wanted: 2, applied: 1 }] });
    expect(report.networks[0]?.failures.join()).toContain("192.168.1.0/24");
    expect(report.networks[0]?.failures.join()).toMatch(/ENETUNREACH|unreachable|invalid gateway/i);
  });

  test("touches nothing of others and leaves nothing of its own behind", async () => {
    using host = host1("rt-clean");
    const { kernel } = host;
    const eth1 = kernel.link("eth1")?.index ?? 0;
    const foreign = {
      family: 4 as const,
      type: 1,
      scope: 0,
      metric: 0,
      nexthops: [{ via: "10.0.1.254", oif: eth1 }],
    };
    kernel.addRoute({ ...foreign, dst: "203.0.113.0/24", table: 30000, protocol: 4 });
    kernel.addRoute({ ...foreign, dst: "203.0.113.0/24", table: 254, protocol: 4 });
    kernel.addRule({
      family: 4,
      priority: 100,
      src: "10.9.0.0/16",
      table: 30000,
      protocol: 0,
      action: 1,
    });
    const all = () =>
      [
        show(host, "rule"),
        show(host, "-6", "rule"),
        show(host, "-4", "route", "show", "table", "all"),
        // The kernel's own come up when duplicate address detection has ended.
        show(host, "-6", "route", "show", "table", "all").filter(
          (line) => !line.includes("proto kernel"),
        ),
      ].flat();
    const before = all();
    const state = world([
      workedExample(),
      slice("other", ["host1", "host2"], { subnet: "10.77.0.0/16" }),
    ]);
    expect(await bring(host, state)).toMatchObject({ failed: false });
    expect([...state.recorded]).toEqual([
      ["ipvlan-l3", 30001],
      ["other", 30002],
    ]);
    kernel.addRoute({ ...foreign, dst: "198.51.100.0/24", table: 30001, protocol: 4 });
    state.slices = state.slices.slice(0, 1);
    expect(await bring(host, state)).toMatchObject({ failed: false });
    expect([...state.recorded.keys()]).toEqual(["ipvlan-l3"]);
    expect(await removeRoutes(depsOf(host, state))).toMatchObject({ failed: false, networks: [] });
    kernel.deleteRoute({ ...foreign, dst: "198.51.100.0/24", table: 30001, protocol: 4 });
    expect(all()).toEqual(before);
    expect(state.recorded.size).toBe(0);
    expect(() => readFileSync(join(etc, "rt_tables.d/multinic.conf"))).toThrow("ENOENT");
  });

  test("takes over what v1.3.x left: the table keeps its number and the rule its priority", async () => {
    using host = host1("rt-v13");
    const { kernel } = host;
    writeFileSync(join(etc, "rt_tables"), "255\tlocal\n254\tmain\n100\tipvlan-l3\n");
    const oif = kernel.link("eth1")?.index ?? 0;
    const old = { family: 4 as const, table: 100, protocol: 3, type: 1, scope: 0, metric: 0 };
    for (const [dst, via] of [
      ["192.168.1.0/24", "10.0.1.2"],
      ["192.168.9.0/24", "10.0.1.9"],
    ] as const)
      kernel.addRoute({ ...old, dst, nexthops: [{ via, oif }] });
    const src = "192.168.0.0/16";
    kernel.addRule({ family: 4, priority: 32765, src, table: 100, protocol: 0, action: 1 });
    const rules = show(host, "rule");
    const state = world([workedExample()]);
    expect(await bring(host, state)).toMatchObject({ failed: false });
    expect(show(host, "rule")).toEqual(rules);
    expect(show(host, "route", "show", "table", "100")).toEqual([
      "192.168.1.0/24 via 10.0.1.2 dev eth1 proto 77",
      "192.168.65.0/24 via 10.0.2.2 dev eth2 proto 77",
    ]);
    expect(await bring(host, state)).toMatchObject({ steps: 0 });
    state.slices = [];
    await bring(host, state);
    expect(show(host, "rule").join()).not.toContain("192.168.0.0/16");
    expect(show(host, "route", "show", "table", "100")).toEqual([]);
  });

  test("keeps routes while pods are attached though the CIDR is away, and does nothing before the lists are complete", async () => {
    using host = host1("rt-held");
    const state = world([workedExample()]);
    await bring(host, state);
    const before = show(host, "route", "show", "table", "30000");
    state.slices = [];
    state.attached = new Set(["ipvlan-l3"]);
    expect(await bring(host, state)).toMatchObject({ steps: 0 });
    const unread = { synced: false, list: () => [] };
    state.attached = new Set();
    const deps = depsOf(host, state);
    expect(await reconcileRoutes(deps, { slices: unread, networks: unread }, [])).toBeUndefined();
    expect(show(host, "route", "show", "table", "30000")).toEqual(before);
  });
});
