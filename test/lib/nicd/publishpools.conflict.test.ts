import { expect, setDefaultTimeout, test } from "bun:test";
import { runController } from "../../../src/lib/kube/controller.ts";
import { createInformer } from "../../../src/lib/kube/informer.ts";
import type { Kube } from "../../../src/lib/kube/kube.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { publishPools } from "../../../src/lib/nicd/publishpools.ts";
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
