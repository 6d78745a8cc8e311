import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLog, silentLog } from "../../../src/lib/log.ts";
import {
  Collector,
  readBootId,
  releaseOldBoots,
  type SandboxLister,
} from "../../../src/lib/nicd/collector.ts";
import { attachRequest, type TestNode, testNode } from "../../support/attachments.ts";

const mountinfo = () => "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n";

/** Two attachments whose namespace folder is there and whose namespaces are not. */
function twoLost(): TestNode {
  const node = testNode();
  mkdirSync(join(node.folder, "netns"));
  for (const id of ["c1", "c2"]) {
    node.attachments.attach(attachRequest(id, { netns: join(node.folder, "netns", id) }));
  }
  return node;
}

function collector(
  node: TestNode,
  more: { sandboxes?: SandboxLister; podUids?: () => ReadonlySet<string> | undefined },
): Collector {
  return new Collector({
    attachments: node.attachments,
    log: silentLog,
    now: () => node.clock.now,
    bootId: "boot-1",
    sandboxes: more.sandboxes,
    podUids: more.podUids ?? (() => undefined),
    mountinfo,
  });
}

const names = (keys: { containerID: string }[]) => keys.map((key) => key.containerID);

describe("Collector", () => {
  test("frees what the CRI misses in two looks 30 s apart, and tells the publisher", async () => {
    using node = twoLost();
    const told: string[] = [];
    node.attachments.onChange((network) => told.push(network));
    const one = collector(node, { sandboxes: { list: async () => new Set(["c2"]) } });
    node.clock.now += 1;
    expect(await one.collect()).toEqual([]);
    node.clock.now += 29_999;
    expect(await one.collect()).toEqual([]);
    node.clock.now += 1;
    expect(names(await one.collect())).toEqual(["c1"]);
    expect(names(node.attachments.list())).toEqual(["c2"]);
    expect(told).toEqual(["net"]);
  });

  test("takes a failed look for no look, says so, and frees nothing", async () => {
    using node = twoLost();
    const lines: string[] = [];
    const one = new Collector({
      attachments: node.attachments,
      log: createLog({ level: () => "info", write: (line) => lines.push(line) }),
      now: () => node.clock.now,
      bootId: "boot-1",
      sandboxes: { list: () => Promise.reject(new Error("connection refused")) },
      podUids: () => new Set(),
      mountinfo,
    });
    for (let i = 0; i < 5; i++) {
      node.clock.now += 60_000;
      expect(await one.collect()).toEqual([]);
    }
    expect(lines).toHaveLength(5);
    expect(lines[0]).toContain("connection refused");
  });

  test.each([
    ["back an hour", -3_600_000],
    ["forward a year", 365 * 86_400_000],
  ])(
    "counts by a clock that nobody sets: the node's may go %s before, between and after the looks",
    async (_, jump) => {
      for (const at of [0, 1, 2]) {
        using node = twoLost();
        let own = 5;
        const one = new Collector({
          attachments: node.attachments,
          log: silentLog,
          now: () => own,
          bootId: "boot-1",
          sandboxes: { list: async () => new Set(["c2"]) },
          podUids: () => undefined,
          mountinfo,
        });
        if (at === 0) node.clock.now += jump;
        expect(await one.collect()).toEqual([]);
        if (at === 1) node.clock.now += jump;
        own += 29_999;
        expect(await one.collect()).toEqual([]);
        if (at === 2) node.clock.now += jump;
        own += 1;
        expect(names(await one.collect())).toEqual(["c1"]);
      }
    },
  );

  test("holds no look against an attachment that came after it began", async () => {
    using node = testNode();
    let own = 0;
    const netns = join(node.folder, "c1");
    const one = new Collector({
      attachments: node.attachments,
      log: silentLog,
      now: () => own,
      bootId: "boot-1",
      sandboxes: {
        async list() {
          if (node.attachments.list().length === 0)
            node.attachments.attach(attachRequest("c1", { netns }));
          return new Set<string>();
        },
      },
      podUids: () => undefined,
      mountinfo,
    });
    await one.collect();
    own += 30_000;
    expect(await one.collect()).toEqual([]);
    own += 30_000;
    expect(names(await one.collect())).toEqual(["c1"]);
  });

  test("without a CRI frees what has neither namespace nor pod, once the pod list is synced", async () => {
    using node = twoLost();
    let uids: Set<string> | undefined;
    const one = collector(node, { podUids: () => uids });
    expect(await one.collect()).toEqual([]);
    uids = new Set(["uid-c2"]);
    expect(names(await one.collect())).toEqual(["c1"]);
  });

  test("keeps an attachment whose namespace is there", async () => {
    using node = testNode();
    const netns = join(node.folder, "ns");
    writeFileSync(netns, "");
    node.attachments.attach(attachRequest("c1", { netns, netnsDev: "", netnsIno: "" }));
    expect(await collector(node, { podUids: () => new Set() }).collect()).toEqual([]);
  });
});

describe("releaseOldBoots", () => {
  test("frees every attachment of another boot and none of this one", () => {
    using first = testNode();
    first.attachments.attach(attachRequest("c1"));
    using node = first.restart("boot-2");
    node.attachments.attach(attachRequest("c2"));
    expect(names(releaseOldBoots(node.attachments, "boot-2", silentLog))).toEqual(["c1"]);
    expect(names(node.attachments.list())).toEqual(["c2"]);
  });
});

describe("readBootId", () => {
  test("reads the kernel's, and another file in its place", () => {
    using node = testNode();
    const file = join(node.folder, "boot_id");
    writeFileSync(file, "abc\n");
    expect(readBootId(file)).toBe("abc");
    expect(readBootId()).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("throws rather than answer with nothing", () => {
    using node = testNode();
    const file = join(node.folder, "boot_id");
    expect(() => readBootId(file)).toThrow("Cannot read this boot's id");
    writeFileSync(file, "\n");
    expect(() => readBootId(file)).toThrow("is empty");
  });
});
