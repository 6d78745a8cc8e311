import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { keepHeapSmall } from "../../../src/lib/kube/heap.ts";
import { alive } from "../../support/alive.ts";
import { createTestClock } from "../../support/clock.ts";

/** Makes objects that have outlived collections, and lets go of them. */
function leaveOldSets(count: number): void {
  const held: (Set<unknown> | undefined)[] = Array.from({ length: count }, () => new Set());
  for (let i = 0; i < 3; i++) alive();
  expect(held).toHaveLength(count);
  // The stack is searched for whatever looks like a reference: an array that is held by chance shall hold none of them.
  held.fill(undefined);
}

const sets = () => heapStats().objectTypeCounts["Set"] ?? 0;

test("keepHeapSmall has old garbage collected each minute, which the runtime leaves", async () => {
  const clock = createTestClock();
  const stop = new AbortController();
  const kept = keepHeapSmall(clock, stop.signal);
  const before = alive()["Set"] ?? 0;
  leaveOldSets(1000);
  await clock.advance(59_000);
  expect(sets() - before).toBeGreaterThan(900);
  await clock.advance(1000);
  // One or another may be held by chance.
  expect(sets() - before).toBeLessThan(100);
  stop.abort();
  await kept;
  expect(clock.waiting).toBe(0);
});

test("keepHeapSmall tells how much was alive and how many timers waited, without those that are over", async () => {
  const clock = createTestClock();
  const stop = new AbortController();
  const registry = new Registry();
  const kept = keepHeapSmall(clock, stop.signal, registry);
  const told = async (name: string) =>
    Number(new RegExp(`^${name} (\\S+)`, "m").exec(await registry.metrics())?.[1]);
  const minute = () => clock.advance(60_000);
  await minute();
  const before = await told("multinic_timers");
  const waiting = Array.from({ length: 500 }, () => setTimeout(() => {}, 60_000));
  for (let i = 0; i < 500; i++) clearTimeout(setTimeout(() => {}, 60_000));
  await minute();
  expect((await told("multinic_timers")) - before).toBeWithin(480, 530);
  for (const timer of waiting) clearTimeout(timer);
  waiting.length = 0;
  await minute();
  expect(Math.abs((await told("multinic_timers")) - before)).toBeLessThan(30);
  expect(await told("multinic_heap_live_bytes")).toBeGreaterThan(100_000);
  stop.abort();
  await kept;
});
