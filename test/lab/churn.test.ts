import { expect, test } from "bun:test";
import type { ChurnOptions, ChurnReport } from "../torture/churn.ts";
import { runEnclosed } from "../torture/enclosed.ts";

test("100 pods come and go, as many at once as the pools hold, their DELs lost, doubled or early", async () => {
  const options: ChurnOptions = {
    hosts: 3,
    subnet: "192.168.0.0/20",
    podsPerHost: 14,
    rounds: ["clean", "clean", "mixed"],
    seed: 4,
  };
  const { problems, counts } = await runEnclosed<ChurnReport>("churn.ts", options);
  expect(problems).toEqual([]);
  expect(counts.pods).toBe(126);
  for (const count of [counts.lost, counts.doubled, counts.early]) expect(count).toBeGreaterThan(0);
}, 240_000);
