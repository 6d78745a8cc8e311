import { expect, test } from "bun:test";
import { codeOf, Failure } from "../../../src/lib/errors.ts";
import {
  runController,
  runControllers,
  type Source,
  source,
} from "../../../src/lib/kube/controller.ts";
import { createCopy } from "../../../src/lib/kube/copy.ts";
import { createLog, silentLog } from "../../../src/lib/log.ts";
import { createTestClock, settle } from "../../support/clock.ts";
import { pool } from "../../support/scripted-api.ts";

const steady = { random: () => 0.5, minMs: 1000 };

/** A source that asks for these keys once. */
function asking(...keys: string[]): Source {
  return {
    async start(add) {
      for (const key of keys) add(key);
      return () => {};
    },
  };
}

test("runController starts when its sources are complete, with every object in them", async () => {
  const stop = new AbortController();
  const copy = createCopy<ReturnType<typeof pool>>(() => {});
  const seen: string[] = [];
  const running = runController(
    {
      name: "pools",
      log: silentLog,
      clock: createTestClock(),
      sources: [source(copy.store, (p) => [p.metadata.name])],
      async reconcile(key) {
        seen.push(key);
        return "done";
      },
    },
    stop.signal,
  );
  copy.apply("ADDED", pool("early", "1"));
  await settle();
  expect(seen).toEqual([]);
  copy.replace([pool("a", "2"), pool("b", "2")]);
  await settle();
  copy.apply("DELETED", pool("a", "3"));
  await settle();
  expect(seen).toEqual(["a", "b", "a"]);
  stop.abort();
  await running;
  copy.apply("ADDED", pool("late", "4"));
  expect(seen).toEqual(["a", "b", "a"]);
});

test("runController asks for the keys of an object before and after its change", async () => {
  const stop = new AbortController();
  const copy = createCopy<ReturnType<typeof pool>>(() => {});
  const seen: string[] = [];
  copy.replace([pool("a", "1")]);
  const running = runController(
    {
      name: "by version",
      log: silentLog,
      sources: [source(copy.store, (p) => [p.metadata.resourceVersion])],
      async reconcile(key) {
        seen.push(key);
        return "done";
      },
    },
    stop.signal,
  );
  await settle();
  copy.apply("MODIFIED", pool("a", "2"));
  await settle();
  expect(seen).toEqual(["1", "1", "2"]);
  stop.abort();
  await running;
});

test("runController comes again after what a reconcile asks for, and after growing waits when it throws", async () => {
  const clock = createTestClock();
  const stop = new AbortController();
  const logged: { key: string; msg: string; retryInMs: number }[] = [];
  const log = createLog({ level: () => "info", write: (line) => logged.push(JSON.parse(line)) });
  const at: number[] = [];
  const running = runController(
    {
      ...steady,
      name: "c",
      log,
      clock,
      sources: [asking("k")],
      async reconcile() {
        at.push(clock.now() - 1000);
        if (at.length <= 2) throw new Failure("Cannot do it", { cause: new Error("no way") });
        return at.length === 3 ? { after: 5000 } : "done";
      },
    },
    stop.signal,
  );
  await clock.advance(60_000);
  expect(at).toEqual([0, 750, 2250, 7250]);
  expect(logged.map(({ key, msg, retryInMs }) => ({ key, msg, retryInMs }))).toEqual([
    { key: "k", msg: "c: Cannot do it: no way", retryInMs: 750 },
    { key: "k", msg: "c: Cannot do it: no way", retryInMs: 1500 },
  ]);
  expect(clock.waiting).toBe(0);
  stop.abort();
  await running;
});

test("runController lets work in hand finish when it stops, and begins none", async () => {
  const stop = new AbortController();
  const gate = Promise.withResolvers<void>();
  const finished: string[] = [];
  const running = runController(
    {
      name: "c",
      log: silentLog,
      workers: 2,
      sources: [asking("a", "b", "c")],
      async reconcile(key, signal) {
        await gate.promise;
        finished.push(`${key} ${signal.aborted}`);
        return { after: 1000 };
      },
    },
    stop.signal,
  );
  await settle();
  stop.abort();
  let over = false;
  void running.then(() => {
    over = true;
  });
  await settle();
  expect(over).toBe(false);
  gate.resolve();
  await running;
  expect(finished.sort()).toEqual(["a true", "b true"]);
});

test("runController does nothing under a signal that has fired", async () => {
  const reconcile = async () => {
    throw new Error("must not run");
  };
  await runController(
    { name: "c", log: silentLog, sources: [asking("a")], reconcile },
    AbortSignal.abort(),
  );
});

test("runControllers ends all when one cannot go on, with its reason", async () => {
  const never = new AbortController();
  const broken = {
    start: async () => {
      throw new Failure("no store", { code: "Broken" });
    },
  };
  const reconcile = async () => "done" as const;
  const running = runControllers(
    [
      { name: "good", log: silentLog, reconcile },
      { name: "bad", log: silentLog, reconcile, sources: [broken] },
    ],
    never.signal,
  );
  expect(await running.catch(codeOf)).toBe("Broken");
});
