import { expect } from "bun:test";
import { explain, Failure } from "../../src/lib/errors.ts";
import { type Random, random } from "./random.ts";

/**
 * Feeds `runs` inputs, made from seed `seed`, to a door. It may answer or throw a Failure; anything else fails the test
 * with the seed and the run that bring it about. Returns how many were answered and how many refused.
 */
export function fuzz(
  options: { seed: number; runs: number },
  run: (of: Random, i: number) => unknown,
): { answered: number; refused: number } {
  const of = random(options.seed);
  let answered = 0;
  let refused = 0;
  for (let i = 0; i < options.runs; i++) {
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
  return { answered, refused };
}
