import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { type Controller, runController } from "../../../src/lib/kube/controller.ts";
import { createQueue } from "../../../src/lib/kube/queue.ts";
import { countReconciles } from "../../../src/lib/kube/reconcilemetrics.ts";
import { silentLog } from "../../../src/lib/log.ts";

test("countReconciles counts a controller's outcomes, from zero on, and passes them on", async () => {
  const registry = new Registry();
  const count = await countReconciles(registry);
  const stop = new AbortController();
  const queue = createQueue();
  const outcomes: string[] = [];
  const controller: Controller = {
    name: "thing",
    log: silentLog,
    queue,
    observe: (outcome) => {
      outcomes.push(outcome);
      if (outcomes.length === 3) stop.abort();
    },
    reconcile: async (key) => {
      if (key === "bad") throw new Error("bad");
      return key === "later" ? { after: 60_000 } : "done";
    },
  };
  const counted = count(controller);
  const line = (outcome: string, n: number) =>
    `multinic_reconciles_total{controller="thing",outcome="${outcome}"} ${n}`;
  const before = await registry.metrics();
  for (const outcome of ["done", "again", "failed"]) expect(before).toContain(line(outcome, 0));
  for (const key of ["good", "later", "bad"]) queue.add(key);
  await runController(counted, stop.signal);
  expect(outcomes.sort()).toEqual(["again", "done", "failed"]);
  const after = await registry.metrics();
  for (const outcome of ["done", "again", "failed"]) expect(after).toContain(line(outcome, 1));
});
