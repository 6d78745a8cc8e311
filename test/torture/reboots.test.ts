import { expect, test } from "bun:test";
import { runEnclosed } from "./enclosed.ts";
import type { RebootOptions, RebootReport } from "./reboots.ts";

test("30 boots of nodes, their clocks moved, lose and double nothing; a node that left comes back under its name", async () => {
  const options: RebootOptions = { boots: 30, leaveEvery: 7, podsPerHost: 4, seed: 6 };
  const report = await runEnclosed<RebootReport>("reboots.ts", options);
  const { boots, left, pods, ways, seconds } = report;
  process.stderr.write(
    `${boots} boots ${JSON.stringify(ways)}, ${left} with the node gone, ${pods} pods, ${seconds.toFixed(0)} s\n`,
  );
  expect(report.problems).toEqual([]);
  for (const count of Object.values(ways)) expect(count).toBeGreaterThan(0);
  expect(pods).toBe(3 * 4 + 30 * 4);
}, 1_500_000);
