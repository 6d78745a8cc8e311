import { expect } from "bun:test";
import { explain, Failure } from "../../src/lib/errors.ts";
import { environment } from "../../src/lib/settings.ts";
import { type Random, random } from "./random.ts";

/** Runs of each door at least; `make torture` sets it to 100,000. The first ones are those of `make test`: one seed, one order. */
export function runsOf(usual: number): number {
  return Math.max(usual, Number(environment()["MULTINIC_FUZZ_RUNS"] ?? 0));
}

/** Returns the time, in ms, that a test of such runs may take: `usualMs`, or half an hour when more runs are asked for. */
export function fuzzTimeout(usualMs: number): number {
  return runsOf(0) > 0 ? 1_800_000 : usualMs;
}

/** What may be left in memory when all inputs have come and gone. */
const leftOver = 64 * 1024 * 1024;

/**
 * Feeds `runs` inputs, made from seed `seed`, to a door. It may answer or throw a Failure; anything else fails the test
 * with the seed and the run that bring it about. Returns how many were answered and how many refused.
 */
export function fuzz(
  options: { seed: number; runs: number },
  run: (of: Random, i: number) => unknown,
): { answered: number; refused: number } {
  const of = random(options.seed);
  const runs = runsOf(options.runs);
  let answered = 0;
  let refused = 0;
  const before = heap();
  for (let i = 0; i < runs; i++) {
    try {
      run(of, i);
      answered++;
    } catch (error) {
      if (!(error instanceof Failure)) {
        throw new Error(`seed ${options.seed}, run ${i}: ${explain(error).slice(0, 500)}`, {
          cause: error,
        });
      }
      refused++;
    }
  }
  expect(Reflect.get({}, "polluted")).toBeUndefined();
  expect(heap() - before).toBeLessThan(leftOver);
  return { answered, refused };
}

function heap(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}
