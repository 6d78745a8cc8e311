import { afterAll, beforeAll, expect, test } from "bun:test";
import { environment } from "../../src/lib/settings.ts";
import { faultKinds } from "../support/api-faults.ts";
import { runTrouble } from "../support/api-trouble.ts";
import { TestLab } from "../support/lab.ts";
import { labPods } from "../support/lab-pods.ts";
import { expectConverged, expectHealthy, rememberRoutes } from "../support/trouble-end.ts";
import { type TroubledLab, troubleLab } from "../support/troubled-lab.ts";

const minutes = Number(environment()["MULTINIC_TROUBLE_MINUTES"] ?? 10);
const hosts = ["host1", "host2", "host3"];
let at: TroubledLab;

beforeAll(async () => {
  at = await troubleLab(await TestLab.routed(), { hosts, seed: 11 });
}, 300_000);
afterAll(() => at?.[Symbol.asyncDispose]());

test(
  `${minutes} minutes of pods that start and stop while the API server fails in every way; then all converges`,
  async () => {
    const say = (line: string) => void process.stderr.write(`${line}\n`);
    const before = await rememberRoutes(at);
    const counts = await runTrouble(at, {
      durationMs: minutes * 60_000,
      trouble: { share: 0.35, hangMs: 20_000, watchMs: 30_000 },
      workers: 3,
      pods: labPods(at, "lab"),
      seed: 11,
      leastPods: 0,
      outageEveryMs: 60_000,
      restarts: true,
      say,
    });
    const { added, removed, networks, outages, restarts, failures, seen } = counts;
    say(
      `${added} pods started, ${removed} ended, ${failures.length} failures; ${networks} networks made and deleted, ${outages} outages, ${restarts} restarts`,
    );
    say(JSON.stringify(seen.counts));
    for (const kind of faultKinds)
      expect([kind, (seen.counts[kind] ?? 0) > 0]).toEqual([kind, true]);
    await expectConverged(at, counts, before);
    await expectHealthy(at);
  },
  (minutes + 10) * 60_000,
);
