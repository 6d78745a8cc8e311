import { expect, test } from "bun:test";
import { codeOf, Failure } from "../../../src/lib/errors.ts";
import { createInformer } from "../../../src/lib/kube/informer.ts";
import type { Kinds, Kube, KubeList, Store, WatchEvent } from "../../../src/lib/kube/kube.ts";
import { createLog } from "../../../src/lib/log.ts";
import { createTestClock, settle } from "../../support/clock.ts";
import { pool } from "../../support/scripted-api.ts";

type Pool = Kinds["IPPool"];
type Event = WatchEvent<Pool>;

/** One answer to a watch: its events, then how it ends (`open` stays until the signal fires). */
interface Turn {
  readonly events?: readonly Event[];
  readonly ends: "open" | "end" | Failure;
}

/** Runs an informer against answers given in turn; the last list and watch answers stay. */
function run(lists: (KubeList<Pool> | Failure)[], watches: Turn[]) {
  const clock = createTestClock();
  const stop = new AbortController();
  const calls: string[] = [];
  const changes: string[] = [];
  const logged: string[] = [];
  const kube = {
    async list() {
      const answer = lists.length > 1 ? lists.shift() : lists[0];
      calls.push("list");
      if (answer === undefined || answer instanceof Failure) throw answer;
      return answer;
    },
    async *watch(
      _kind: string,
      options: { resourceVersion: string },
      signal: AbortSignal,
    ): AsyncGenerator<Event> {
      calls.push(`watch ${options.resourceVersion}`);
      const turn = (watches.length > 1 ? watches.shift() : watches[0]) ?? { ends: "open" };
      yield* turn.events ?? [];
      if (turn.ends instanceof Failure) throw turn.ends;
      if (turn.ends === "end") return;
      await new Promise<void>((resolve) =>
        signal.addEventListener("abort", () => resolve(), { once: true }),
      );
    },
  };
  const log = createLog({
    level: () => "info",
    write: (line) => logged.push(JSON.parse(line).msg),
  });
  const store: Store<Pool> = createInformer(asKube(kube), "IPPool", {
    log,
    signal: stop.signal,
    clock,
    random: () => 0.5,
  });
  store.onChange((before, after) => {
    const side = (o: Pool | undefined) =>
      o ? `${o.metadata.name}@${o.metadata.resourceVersion}` : "-";
    changes.push(`${side(before)} > ${side(after)}`);
  });
  const names = () => store.list().map((p) => p.metadata.name);
  return { clock, stop, calls, changes, logged, store, names };
}

/** A client of which only list and watch are there; anything else is a fault of the informer's. */
function asKube(part: object): Kube {
  const nothing = (): never => {
    throw new Error("an informer only lists and watches");
  };
  return new Proxy(Object.create(null), {
    get: (_target, name) => Reflect.get(part, name) ?? (name === "versions" ? undefined : nothing),
  });
}

const list = (resourceVersion: string, ...items: Pool[]) => ({ resourceVersion, items });
const event = (type: "ADDED" | "MODIFIED" | "DELETED", object: Pool): Event => ({ type, object });
const unavailable = new Failure("connection reset", { code: "Unavailable" });
const expired = new Failure("too old resource version", { code: "Expired" });

test("createInformer fills from the list and follows the watch from its resourceVersion", async () => {
  const it = run(
    [list("10", pool("a", "3"), pool("b", "4"))],
    [
      {
        events: [
          event("ADDED", pool("c", "11")),
          event("MODIFIED", pool("a", "12")),
          event("DELETED", pool("b", "13")),
        ],
        ends: "open",
      },
    ],
  );
  expect(it.store.synced).toBe(false);
  await it.store.ready();
  await settle();
  expect(it.store.synced).toBe(true);
  expect(it.names()).toEqual(["a", "c"]);
  expect(it.store.get("a")?.metadata.resourceVersion).toBe("12");
  expect(it.calls).toEqual(["list", "watch 10"]);
  expect(it.changes).toEqual(["- > a@3", "- > b@4", "- > c@11", "a@3 > a@12", "b@4 > -"]);
  it.stop.abort();
});

test("createInformer goes on from the last event or bookmark after a disconnect, without a new list", async () => {
  const it = run(
    [list("10", pool("a", "3"))],
    [
      { events: [event("ADDED", pool("b", "11"))], ends: unavailable },
      { events: [{ type: "BOOKMARK", resourceVersion: "20" }], ends: "end" },
      { ends: "open" },
    ],
  );
  await it.clock.advance(5000);
  expect(it.calls).toEqual(["list", "watch 10", "watch 11", "watch 20"]);
  expect(it.names()).toEqual(["a", "b"]);
  it.stop.abort();
});

test("createInformer keeps what it has while lists fail, and takes deletions from the next full list", async () => {
  const it = run(
    [
      list("10", pool("a", "3"), pool("b", "4")),
      unavailable,
      unavailable,
      list("30", pool("b", "5")),
    ],
    [{ ends: expired }, { ends: "open" }],
  );
  await settle();
  expect(it.calls).toEqual(["list", "watch 10"]);
  expect(it.names()).toEqual(["a", "b"]);
  await it.clock.advance(1000);
  expect(it.calls.slice(2)).toEqual(["list"]);
  expect(it.names()).toEqual(["a", "b"]);
  await it.clock.advance(10_000);
  expect(it.calls.slice(2)).toEqual(["list", "list", "list", "watch 30"]);
  expect(it.names()).toEqual(["b"]);
  expect(it.changes.slice(2)).toEqual(["a@3 > -", "b@4 > b@5"]);
  it.stop.abort();
});

test("createInformer is not synced until a list succeeds, and says once why not", async () => {
  const it = run([unavailable, unavailable, unavailable, list("1")], [{ ends: "open" }]);
  await it.clock.advance(1);
  expect(it.store.synced).toBe(false);
  await it.clock.advance(20_000);
  expect(it.store.synced).toBe(true);
  expect(it.logged).toEqual(["IPPool: connection reset"]);
  it.stop.abort();
});

test("createInformer lists at once when a server that was away for long has forgotten our version", async () => {
  const it = run(
    [list("10"), list("40")],
    [
      ...Array.from({ length: 8 }, () => ({ ends: unavailable })),
      { ends: expired },
      { ends: "open" },
    ],
  );
  while (it.calls.length < 10) await it.clock.advance(100);
  expect(it.calls.at(-1)).toBe("watch 10");
  await it.clock.advance(500);
  expect(it.calls.slice(10)).toEqual(["list", "watch 40"]);
  it.stop.abort();
});

test("createInformer refuses a list older than what it has seen, three times", async () => {
  const it = run(
    [list("10", pool("a", "3")), list("9"), list("11", pool("a", "3"))],
    [{ ends: expired }, { ends: "open" }],
  );
  await it.clock.advance(10_000);
  expect(it.changes).toEqual(["- > a@3"]);
  expect(it.logged).toContain(
    "IPPool: Cannot use the list of IPPool objects: it is of resourceVersion 9, older than 10 seen before",
  );
  const restored = run(
    [list("10", pool("a", "3")), list("9")],
    [{ ends: expired }, { ends: "open" }],
  );
  await restored.clock.advance(60_000);
  expect(restored.calls.filter((c) => c === "list").length).toBe(5);
  expect(restored.names()).toEqual([]);
  it.stop.abort();
  restored.stop.abort();
});

test("createInformer lists anew when the watch goes back in time", async () => {
  const it = run(
    [list("10", pool("a", "3")), list("12", pool("b", "5"))],
    [{ events: [{ type: "BOOKMARK", resourceVersion: "4" }], ends: "open" }, { ends: "open" }],
  );
  await it.clock.advance(2000);
  expect(it.calls).toEqual(["list", "watch 10", "list", "watch 12"]);
  expect(it.names()).toEqual(["b"]);
  it.stop.abort();
});

test("createInformer tells of a name's new object as a deletion and an addition", async () => {
  const it = run(
    [list("10", pool("a", "3")), list("20", pool("a", "15", { uid: "second" }))],
    [{ ends: expired }, { ends: "open" }],
  );
  await it.clock.advance(2000);
  expect(it.changes).toEqual(["- > a@3", "a@3 > -", "- > a@15"]);
  it.stop.abort();
});

test("createInformer backs off from a server that ends every watch at once", async () => {
  const it = run([list("10")], [{ ends: "end" }]);
  await it.clock.advance(60_000);
  const watches = it.calls.length - 1;
  expect(watches).toBeGreaterThan(4);
  expect(watches).toBeLessThan(15);
  it.stop.abort();
});

test("createInformer survives a listener that throws", async () => {
  const it = run(
    [list("10", pool("a", "3"))],
    [{ events: [event("ADDED", pool("b", "11"))], ends: "open" }],
  );
  it.store.onChange(() => {
    throw new Error("listener");
  });
  await it.clock.advance(1);
  expect(it.names()).toEqual(["a", "b"]);
  expect(it.logged).toEqual([
    "IPPool: a listener failed: listener",
    "IPPool: a listener failed: listener",
  ]);
  it.stop.abort();
});

test("createInformer stops with its signal: no timers, no listeners called, waiters told", async () => {
  const it = run([unavailable], [{ ends: "open" }]);
  await it.clock.advance(1);
  const waiting = it.store.ready().catch(codeOf);
  it.stop.abort();
  expect(await waiting).toBe("Stopped");
  expect(it.clock.waiting).toBe(0);
  const own = new AbortController();
  const other = run([unavailable], [{ ends: "open" }]);
  const mine = other.store.ready(own.signal).catch(codeOf);
  own.abort();
  expect(await mine).toBe("Stopped");
  other.stop.abort();
});
