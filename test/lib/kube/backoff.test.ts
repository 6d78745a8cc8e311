import { expect, test } from "bun:test";
import { createBackoff } from "../../../src/lib/kube/backoff.ts";
import { random } from "../../support/random.ts";

test("createBackoff doubles, is capped, and stays between half and the whole of each step", () => {
  const dice = random(7);
  const backoff = createBackoff({ minMs: 100, maxMs: 10_000, random: dice.float });
  for (const whole of [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]) {
    const wait = backoff.next();
    expect(wait).toBeGreaterThanOrEqual(whole / 2);
    expect(wait).toBeLessThanOrEqual(whole);
  }
  expect(backoff.failures).toBe(9);
  backoff.reset();
  expect(backoff.next()).toBeLessThanOrEqual(100);
});
