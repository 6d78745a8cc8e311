import { expect, test } from "bun:test";
import { join } from "node:path";
import { runControllers } from "../../../src/lib/kube/controller.ts";
import type { Kube } from "../../../src/lib/kube/kube.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { Collector, type SandboxLister } from "../../../src/lib/nicd/collector.ts";
import { createCopies } from "../../../src/lib/nicd/copies.ts";
import { NodeWork } from "../../../src/lib/nicd/nodework.ts";
import { writeTombstone } from "../../../src/lib/node/tombstone.ts";
import { paceOf } from "../../../src/lib/plan/pace.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";
import { createTestClock } from "../../support/clock.ts";
import { FakeNamespace, fakeKernel } from "../../support/fakenamespace.ts";
import { knownPods, pathsBelow, stillDiscovery } from "../../support/nodeinprocess.ts";
import { sha256 } from "../../support/plan-world.ts";

/** An API server that takes every question and answers none. */
function mute(asked: string[]): Kube {
  const never = (verb: string) => (kind: string) => {
    asked.push(`${verb} ${kind}`);
    return new Promise<never>(() => {});
  };
  return {
    get: never("get"),
    list: never("list"),
    create: never("create"),
    replace: never("replace"),
    replaceStatus: never("replaceStatus"),
    patch: never("patch"),
    apply: never("apply"),
    remove: never("remove"),
    async *watch(kind) {
      yield await never("watch")(kind);
    },
  };
}

/** The work of a node whose API server is mute, by a clock that the test moves. */
function work(sandboxes: SandboxLister | undefined) {
  const node = testNode();
  const { attachments, store } = node;
  const clock = createTestClock();
  const stop = new AbortController();
  const asked: string[] = [];
  const kube = mute(asked);
  const options = { node: "host1", log: silentLog, sha256, withPods: sandboxes === undefined };
  const copies = createCopies(kube, options, stop.signal);
  const tombstones = join(node.folder, "tombstones");
  const { controllers } = new NodeWork(
    {
      kube,
      node: "host1",
      paths: pathsBelow(node.folder),
      kernel: fakeKernel(new FakeNamespace(), new FakeNamespace()),
      store,
      attachments,
      discovery: stillDiscovery(undefined),
      copies,
      collector: new Collector({
        attachments,
        log: silentLog,
        now: clock.now,
        bootId: "boot-1",
        sandboxes,
        podUids: () => knownPods(copies),
        mountinfo: () => "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n",
      }),
      clock,
      log: silentLog,
      tombstones: [tombstones],
      leaving: () => undefined,
      pace: () => paceOf(undefined),
      measured: () => {},
      conditions: () => [],
    },
    stop.signal,
  );
  const running = runControllers(controllers, stop.signal);
  return {
    node,
    clock,
    asked,
    /** Leaves a DEL as the CNI program does when nicd does not answer it. */
    leave: (containerID: string) => {
      const { network, ifname } = attachRequest(containerID);
      writeTombstone(tombstones, { key: { network, containerID, ifname }, at: node.clock.now + 1 });
    },
    held: () => attachments.list().map(({ containerID }) => containerID),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      node[Symbol.dispose]();
    },
  };
}

test("NodeWork frees what the CRI misses in two looks, though the API server has never answered", async () => {
  await using at = work({ list: async () => new Set(["lives"]) });
  for (const id of ["gone", "lives"]) at.node.attachments.attach(attachRequest(id));
  await at.clock.advance(29_999);
  expect(at.held()).toEqual(["gone", "lives"]);
  await at.clock.advance(1);
  expect(at.held()).toEqual(["lives"]);
  expect(new Set(at.asked.map((call) => call.split(" ")[0]))).toEqual(new Set(["list"]));
});

test("NodeWork takes tombstones though the API server has never answered, and without a CRI frees nothing before the pods are known", async () => {
  await using at = work(undefined);
  const netns = at.node.folder;
  for (const id of ["gone", "left"])
    at.node.attachments.attach(attachRequest(id, { netns: `${netns}/${id}` }));
  await at.clock.advance(5000);
  at.leave("left");
  await at.clock.advance(120_000);
  expect(at.held()).toEqual(["gone"]);
});
