import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Allocation } from "../../../src/lib/api/kinds.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { Collector } from "../../../src/lib/nicd/collector.ts";
import { type MendDeps, mendNode } from "../../../src/lib/nicd/mend.ts";
import { poolsBehind } from "../../../src/lib/nicd/publishpools.ts";
import { writeTombstone } from "../../../src/lib/node/tombstone.ts";
import { attachRequest, host1Pools, type TestNode, testNode } from "../../support/attachments.ts";

function depsOf(node: TestNode, change: Partial<MendDeps> = {}): MendDeps {
  const { attachments } = node;
  const collector = new Collector({
    attachments,
    log: silentLog,
    now: () => node.clock.now,
    bootId: "another boot",
    sandboxes: undefined,
    podUids: () => undefined,
  });
  return {
    tombstones: [join(node.folder, "tombstones")],
    attachments,
    collector,
    pools: { behind: () => [], mirror: async () => {} },
    routes: async () => ({ steps: [], failures: [] }),
    log: silentLog,
    ...change,
  };
}

describe("mendNode", () => {
  test("takes tombstones, frees what is proven lost, and says so; a dry run only says so", async () => {
    using node = testNode();
    const deps = depsOf(node);
    node.attachments.attach(attachRequest("c1"));
    node.attachments.attach(attachRequest("c2"));
    const { network, containerID, ifname } = attachRequest("c1");
    const folder = join(node.folder, "tombstones");
    writeTombstone(folder, {
      key: { network, containerID, ifname },
      at: node.clock.now + 1,
    });
    const before = readdirSync(folder);
    const dry = await mendNode({ dryRun: true }, deps);
    expect(dry.failures).toEqual([]);
    expect(dry.steps.map((step) => step.split(" (")[0])).toEqual([
      expect.stringContaining("take the DEL of net1 of container c1 that waits in"),
      "release net1 of default/pod-c1 on net",
      "release net1 of default/pod-c2 on net",
    ]);
    expect(node.attachments.list().length).toBe(2);
    expect(readdirSync(folder)).toEqual(before);

    const done = await mendNode({ dryRun: false }, deps);
    expect(done.steps.length).toBe(2);
    expect(node.attachments.list()).toEqual([]);
    expect(existsSync(join(folder, before[0] ?? ""))).toBe(false);
  });

  test("frees nothing without proof", async () => {
    using node = testNode();
    const request = attachRequest("c1", { netns: "/proc/1/ns/net" });
    node.attachments.attach(request);
    const [record] = node.attachments.list();
    const collector = new Collector({
      attachments: node.attachments,
      log: silentLog,
      now: () => node.clock.now,
      bootId: record?.bootId ?? "",
      sandboxes: undefined,
      podUids: () => new Set<string>(),
    });
    expect(await mendNode({ dryRun: false }, depsOf(node, { collector }))).toEqual({
      steps: [],
      failures: [],
    });
    expect(node.attachments.list().length).toBe(1);
  });

  test("goes on where one part fails, and says what could not be done", async () => {
    using node = testNode();
    const mirrored: string[] = [];
    const deps = depsOf(node, {
      pools: {
        behind: () => [
          { name: "a", rows: 1 },
          { name: "b", rows: 2 },
        ],
        async mirror(name) {
          if (name === "a") throw new Error("the server is away");
          mirrored.push(name);
        },
      },
      routes: async (dryRun) => {
        throw new Error(`no routes, dry run ${dryRun}`);
      },
    });
    const done = await mendNode({ dryRun: false }, deps);
    expect(done).toEqual({
      steps: ["write the 1 allocations of IPPool a", "write the 2 allocations of IPPool b"],
      failures: ["IPPool a: the server is away", "routes: no routes, dry run false"],
    });
    expect(mirrored).toEqual(["b"]);
  });
});

test("poolsBehind names the pools that do not list what is recorded", () => {
  using node = testNode();
  const { attachments } = node;
  attachments.attach(attachRequest("c1"));
  const [pool] = host1Pools;
  if (!pool) throw new Error("no pool");
  const { podCIDR } = pool.spec;
  const behind = (allocations: Allocation[], more = {}) => {
    const changed = {
      ...pool,
      metadata: { ...pool.metadata, ...more },
      spec: { ...pool.spec, allocations },
    };
    return poolsBehind({ pools: { list: () => [changed] }, attachments });
  };
  expect(behind([])).toEqual([{ name: pool.metadata.name, rows: 1 }]);
  expect(behind(attachments.allocationsOf("net", podCIDR))).toEqual([]);
  expect(behind([], { deletionTimestamp: "2026-01-01T00:00:00Z" })).toEqual([]);
});
