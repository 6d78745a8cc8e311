import { expect, setDefaultTimeout, test } from "bun:test";
import { Failure } from "../../../src/lib/errors.ts";
import { runController } from "../../../src/lib/kube/controller.ts";
import { createInformer } from "../../../src/lib/kube/informer.ts";
import type { Kube } from "../../../src/lib/kube/kube.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { poolMirror, publishPools } from "../../../src/lib/nicd/publishpools.ts";
import { attachRequest, host1Pools, testNode } from "../../support/attachments.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

setDefaultTimeout(30_000);

test("publishPools loses no update: a pool written by another meanwhile refuses the write, which is made anew", async () => {
  await using world = await OperatorWorld.start();
  for (const pool of host1Pools) await world.kube.create("IPPool", pool);
  using node = testNode();
  const name = host1Pools[0]?.metadata.name ?? "";
  const outcomes: string[] = [];
  const kube: Kube = {
    ...world.watched(),
    async patch(kind, of, patch, where) {
      const first = outcomes.length === 0 && of === name && where?.subresource === undefined;
      // Another's write between nicd's look and nicd's write.
      if (first) await world.kube.patch("IPPool", name, { spec: { excludes: ["192.168.0.200"] } });
      try {
        const done = await world.kube.patch(kind, of, patch, where);
        if (of === name) outcomes.push("written");
        return done;
      } catch (error) {
        if (of === name) outcomes.push(String(Reflect.get(error ?? {}, "code")));
        throw error;
      }
    },
  };
  const stop = new AbortController();
  const pools = createInformer(world.kube, "IPPool", { log: silentLog, signal: stop.signal });
  const controller = publishPools(
    { kube, pools, attachments: node.attachments, log: silentLog },
    stop.signal,
  );
  node.attachments.attach(attachRequest("c1"));
  const running = runController({ ...controller, minMs: 5 }, stop.signal);
  const pool = await world.until("IPPool", name, ({ spec }) => spec.allocations.length === 1);
  expect(outcomes[0]).toBe("Conflict");
  expect(outcomes).toContain("written");
  expect(pool.spec.excludes).toEqual(["192.168.0.200"]);
  stop.abort();
  await running;
});

/** A mirror of host1's first pool whose watch never tells anything after its first list. */
async function deafMirror(world: OperatorWorld) {
  for (const pool of host1Pools) await world.kube.create("IPPool", pool);
  const node = testNode();
  const stop = new AbortController();
  const kube: Kube = {
    ...world.watched(),
    async *watch(_kind, _options, signal) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  };
  const pools = createInformer(kube, "IPPool", { log: silentLog, signal: stop.signal });
  await pools.ready();
  const { attachments } = node;
  return {
    node,
    pools,
    ...poolMirror({ kube, pools, attachments, log: silentLog }),
    [Symbol.dispose]() {
      stop.abort();
      node[Symbol.dispose]();
    },
  };
}

test("publishPools needs no event to write a pool that another has changed: it reads it anew at the conflict", async () => {
  await using world = await OperatorWorld.start();
  using at = await deafMirror(world);
  const name = host1Pools[0]?.metadata.name ?? "";
  await world.kube.patch("IPPool", name, { spec: { excludes: ["192.168.0.200"] } });
  for (const [i, id] of ["c1", "c2"].entries()) {
    at.node.attachments.attach(attachRequest(id));
    await at.mirror(name);
    const pool = await world.kube.get("IPPool", name);
    expect(pool?.spec.allocations.map(({ pod }) => pod)).toEqual(
      ["pod-c1", "pod-c2"].slice(0, i + 1),
    );
    expect(pool?.spec.excludes).toEqual(["192.168.0.200"]);
    expect(pool?.status?.usage).toBe(`${i + 1}/253`);
  }
  expect(at.pools.get(name)?.spec.allocations).toEqual([]);
});

test("publishPools lets a conflict that does not end be, after a few attempts", async () => {
  await using world = await OperatorWorld.start();
  using at = await deafMirror(world);
  const name = host1Pools[0]?.metadata.name ?? "";
  let patches = 0;
  world.hook = ({ verb }) => {
    if (verb !== "patch") return;
    patches++;
    throw new Failure("The object has been modified", { code: "Conflict" });
  };
  at.node.attachments.attach(attachRequest("c1"));
  await expect(at.mirror(name)).rejects.toThrow("has been modified");
  expect(patches).toBe(5);
});

test("publishPools writes nothing into a pool of that name that another host has now", async () => {
  await using world = await OperatorWorld.start();
  using at = await deafMirror(world);
  const [first] = host1Pools;
  const name = first?.metadata.name ?? "";
  at.node.attachments.attach(attachRequest("c1"));
  await world.kube.remove("IPPool", name);
  const theirs = [{ pod: "theirs", namespace: "default", index: 9, address: "192.168.0.9" }];
  if (first)
    await world.kube.create("IPPool", {
      ...first,
      spec: { ...first.spec, hostName: "host2", allocations: theirs },
    });
  await at.mirror(name);
  expect((await world.kube.get("IPPool", name))?.spec.allocations).toEqual(theirs);
});
