import { expect, test } from "bun:test";
import { createQueue } from "../../../src/lib/kube/queue.ts";
import { createTestClock, settle } from "../../support/clock.ts";
import { random } from "../../support/random.ts";

function make() {
  const clock = createTestClock();
  return { clock, queue: createQueue({ clock, random: () => 0.5, minMs: 1000, maxMs: 60_000 }) };
}

test("createQueue hands each key out once, in the order asked for", async () => {
  const { queue } = make();
  for (const key of ["a", "b", "a", "c", "b"]) queue.add(key);
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(["a", "b", "c"]);
  expect(queue.counts).toEqual({ ready: 0, active: 3, delayed: 0 });
});

test("createQueue keeps a key back while it is in hand, and hands it out again afterwards", async () => {
  const { queue } = make();
  queue.add("a");
  await queue.take();
  queue.add("a");
  queue.add("a");
  let second: string | undefined;
  const taking = queue.take().then((key) => {
    second = key;
  });
  await settle();
  expect(second).toBeUndefined();
  queue.done("a");
  await taking;
  expect(second).toBe("a");
  queue.done("a");
  expect(queue.counts).toEqual({ ready: 0, active: 0, delayed: 0 });
});

test("createQueue.addAfter waits, the earliest wish counts, and add overtakes it", async () => {
  const { clock, queue } = make();
  queue.addAfter("a", 5000);
  queue.addAfter("a", 2000);
  queue.addAfter("a", 9000);
  expect(queue.counts.delayed).toBe(1);
  await clock.advance(1999);
  expect(queue.counts.ready).toBe(0);
  await clock.advance(1);
  expect(queue.counts).toEqual({ ready: 1, active: 0, delayed: 0 });
  queue.addAfter("b", 5000);
  queue.add("b");
  expect(queue.counts).toEqual({ ready: 2, active: 0, delayed: 0 });
  expect(clock.waiting).toBe(0);
});

test("createQueue.retry doubles a key's wait up to the longest, forget starts over, keys are apart", async () => {
  const { clock, queue } = make();
  const waits: number[] = [];
  for (let failures = 0; failures < 8; failures++) {
    const wait = queue.retry("a");
    waits.push(wait);
    await clock.advance(wait);
    await queue.take();
    queue.done("a");
  }
  expect(waits).toEqual([750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000]);
  expect(queue.retry("b")).toBe(750);
  queue.forget("a");
  expect(queue.retry("a")).toBe(750);
});

test("createQueue.retry counts failures of a key that was woken before its time as one", async () => {
  const { clock, queue } = make();
  expect(queue.retry("a")).toBe(750);
  await clock.advance(250);
  queue.add("a");
  await queue.take();
  expect(queue.retry("a")).toBe(500);
  queue.done("a");
  await clock.advance(500);
  expect(await queue.take()).toBe("a");
  expect(queue.retry("a")).toBe(1500);
});

test("createQueue.close wakes every taker, drops what waits, and takes nothing more", async () => {
  const { clock, queue } = make();
  const takers = [queue.take(), queue.take()];
  queue.addAfter("a", 1000);
  queue.close();
  queue.add("b");
  expect(await Promise.all(takers)).toEqual([undefined, undefined]);
  expect(await queue.take()).toBeUndefined();
  expect(clock.waiting).toBe(0);
});

test("createQueue never has one key in two hands and loses no wish (400 random runs)", async () => {
  for (let seed = 1; seed <= 400; seed++) {
    const dice = random(seed);
    const { clock, queue } = make();
    const held = new Set<string>();
    const owed = new Map<string, number>();
    const workers = [0, 1, 2].map(async () => {
      for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
        if (held.has(key)) throw new Error(`seed ${seed}: ${key} is in two hands`);
        held.add(key);
        owed.delete(key);
        for (let n = dice.int(4); n > 0; n--) await Promise.resolve();
        held.delete(key);
        queue.done(key);
      }
    });
    for (let step = 0; step < 30; step++) {
      const key = dice.pick(["a", "b", "c", "d"]);
      owed.set(key, step);
      if (dice.int(2) === 0) queue.add(key);
      else queue.addAfter(key, dice.int(50));
      if (dice.int(3) === 0) await Promise.resolve();
    }
    await clock.advance(100);
    expect(`seed ${seed}: ${[...owed.keys()]}`).toBe(`seed ${seed}: `);
    queue.close();
    await Promise.all(workers);
  }
});
