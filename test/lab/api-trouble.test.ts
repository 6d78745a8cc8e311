import { afterAll, beforeAll, expect, test } from "bun:test";
import { runTrouble } from "../support/api-trouble.ts";
import { TestLab } from "../support/lab.ts";
import { labPods } from "../support/lab-pods.ts";
import { expectConverged, expectHealthy, rememberRoutes } from "../support/trouble-end.ts";
import { type TroubledLab, troubleLab } from "../support/troubled-lab.ts";

const hosts = ["host1", "host2", "host3"];
let at: TroubledLab;

beforeAll(async () => {
  at = await troubleLab(await TestLab.routed(), { hosts, seed: 5 });
});
afterAll(() => at?.[Symbol.asyncDispose]());

test("pods start and stop while the API server fails in every way, and then all converges (ten minutes of it: make torture)", async () => {
  const before = await rememberRoutes(at);
  const counts = await runTrouble(at, {
    durationMs: 10_000,
    trouble: { share: 0.3, hangMs: 2000, watchMs: 4000 },
    workers: 2,
    pods: labPods(at, "lab"),
    seed: 5,
    leastPods: 10,
    outageEveryMs: 6000,
    restarts: false,
  });
  expect(counts.added).toBeGreaterThanOrEqual(10);
  expect(counts.networks).toBeGreaterThan(0);
  await expectConverged(at, counts, before);
  await expectHealthy(at);
});
