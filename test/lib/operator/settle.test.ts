import { expect, test } from "bun:test";
import { settleTime } from "../../../src/lib/operator/settle.ts";

test("settleTime follows the last planning, within 50 ms and 5 s, also when it failed", async () => {
  let now = 0;
  const settle = settleTime(() => now);
  expect(settle.ms()).toBe(50);
  const take = async (ms: number) => {
    now += ms;
  };
  await settle.measure(() => take(800));
  expect(settle.ms()).toBe(800);
  await settle.measure(() => take(60_000));
  expect(settle.ms()).toBe(5000);
  const failing = settle.measure(async () => {
    await take(300);
    throw new Error("no answer");
  });
  expect(failing).rejects.toThrow("no answer");
  await failing.catch(() => {});
  expect(settle.ms()).toBe(300);
});
