import { expect, test } from "bun:test";
import type { ChurnOptions, ChurnReport, Ending } from "./churn.ts";
import { runEnclosed } from "./enclosed.ts";

/** 4 hosts, 30 addresses each: 120 pods at once fill every pool. */
const full = { hosts: 4, subnet: "192.168.0.0/19", podsPerHost: 30 };
const rounds = (count: number, ending: Ending) => Array.from({ length: count }, () => ending);

async function expectSound(options: ChurnOptions, pods: number): Promise<ChurnReport> {
  const report = await runEnclosed<ChurnReport>("churn.ts", options);
  const { counts, checks, seconds } = report;
  process.stderr.write(`${JSON.stringify(counts)}, ${checks} checks, ${seconds.toFixed(0)} s\n`);
  expect(report.problems).toEqual([]);
  expect(counts.pods).toBeGreaterThanOrEqual(pods);
  return report;
}

test("1,000 pods come and go, 120 at once in pools that hold no more, and everything agrees in between", async () => {
  await expectSound({ ...full, rounds: rounds(10, "clean"), seed: 1 }, 1000);
}, 900_000);

test("1,000 pods whose DELs are lost, doubled or overtake their ADD", async () => {
  const { counts } = await expectSound({ ...full, rounds: rounds(10, "mixed"), seed: 2 }, 1000);
  for (const count of [counts.lost, counts.doubled, counts.early, counts.earlyRefused])
    expect(count).toBeGreaterThan(0);
}, 1_200_000);

test("a StatefulSet's pods whose DELs are all lost get addresses again", async () => {
  const { counts } = await expectSound({ ...full, rounds: rounds(5, "lost"), seed: 3 }, 600);
  expect(counts.lost).toBe(480);
}, 1_200_000);
