import { expect, test } from "bun:test";
import { codeOf, Failure } from "../../../src/lib/errors.ts";
import { fence } from "../../../src/lib/kube/fence.ts";
import type { Kinds, Kube } from "../../../src/lib/kube/kube.ts";
import { holdLease, type Leadership } from "../../../src/lib/kube/lease.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { createTestClock, settle, type TestClock } from "../../support/clock.ts";

type Lease = Kinds["Lease"];

/** Where several contenders meet: one lease, resourceVersion-checked; each side can be cut off or made to hang. */
function createLeaseHall() {
  const hall = { lease: undefined as Lease | undefined, version: 0, writes: [] as string[] };
  const store = (lease: Lease): Lease => {
    const resourceVersion = String(++hall.version);
    hall.lease = structuredClone({
      ...lease,
      metadata: { ...lease.metadata, uid: "u", resourceVersion },
    });
    hall.writes.push(String(lease.spec?.["holderIdentity"]));
    return structuredClone(hall.lease);
  };
  const door = () => {
    const state: { mode: "open" | "cut" | "hang" } = { mode: "open" };
    const pass = async <T>(work: () => T): Promise<T> => {
      if (state.mode === "hang") return new Promise<T>(() => {});
      if (state.mode === "cut") throw new Failure("no route", { code: "Unavailable" });
      return work();
    };
    const calls = {
      get: () => pass(() => structuredClone(hall.lease)),
      create: (_kind: string, lease: Lease) =>
        pass(() => {
          if (hall.lease) throw new Failure("exists", { code: "AlreadyExists" });
          return store(lease);
        }),
      replace: (_kind: string, lease: Lease) =>
        pass(() => {
          if (hall.lease?.metadata.resourceVersion !== lease.metadata.resourceVersion) {
            throw new Failure("changed", { code: "Conflict" });
          }
          return store(lease);
        }),
    };
    const kube: Kube = new Proxy(Object.create(null), {
      get: (_target, name) => Reflect.get(calls, name),
    });
    return { state, kube };
  };
  return { hall, door };
}

/** Starts a contender that leads until its term ends. */
function contend(name: string, to: { kube: Kube; clock: TestClock }) {
  const stop = new AbortController();
  const terms: Leadership[] = [];
  const times: { from: number; until: number | undefined }[] = [];
  const running = holdLease(
    to.kube,
    {
      namespace: "ns",
      name: "operator",
      identity: name,
      log: silentLog,
      clock: to.clock,
      random: () => 0.5,
      async lead(leadership) {
        const term: { from: number; until: number | undefined } = {
          from: to.clock.now(),
          until: undefined,
        };
        times.push(term);
        terms.push(leadership);
        await new Promise<void>((resolve) =>
          leadership.signal.addEventListener("abort", () => resolve(), { once: true }),
        );
        term.until = to.clock.now();
      },
    },
    stop.signal,
  );
  const leads = () => terms.at(-1)?.signal.aborted === false;
  return { stop, terms, times, running, leads };
}

test("holdLease lets one of two lead, renews, and gives the lease up when it stops", async () => {
  const clock = createTestClock();
  const { hall, door } = createLeaseHall();
  const a = contend("a", { kube: door().kube, clock });
  await clock.advance(10);
  const b = contend("b", { kube: door().kube, clock });
  await clock.advance(60_000);
  expect([a.leads(), b.leads()]).toEqual([true, false]);
  expect(new Set(hall.writes)).toEqual(new Set(["a"]));
  expect(hall.lease?.spec).toMatchObject({
    holderIdentity: "a",
    leaseDurationSeconds: 9,
    leaseTransitions: 0,
  });
  expect(hall.lease?.spec?.["renewTime"]).toMatch(/^2026-01-01T00:0\d:\d\d\.\d{6}Z$/);
  a.stop.abort();
  await a.running;
  expect(hall.lease?.spec?.["holderIdentity"]).toBe("");
  await clock.advance(2000);
  expect(b.leads()).toBe(true);
  expect(hall.lease?.spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
  b.stop.abort();
  await b.running;
  expect(clock.waiting).toBe(0);
});

test("holdLease: killed at any point, the other leads within 15 s", async () => {
  for (let killedAt = 0; killedAt < 6000; killedAt += 500) {
    const clock = createTestClock();
    const { door } = createLeaseHall();
    const first = door();
    const a = contend("a", { kube: first.kube, clock });
    await clock.advance(10);
    const b = contend("b", { kube: door().kube, clock });
    await clock.advance(killedAt);
    first.state.mode = "hang";
    const died = clock.now();
    await clock.advance(15_000);
    expect(b.leads()).toBe(true);
    expect((b.times[0]?.from ?? Number.NaN) - died).toBeLessThan(15_000);
    for (const one of [a, b]) one.stop.abort();
  }
});

test("holdLease: a leader that is cut off stops before the other begins", async () => {
  for (const mode of ["cut", "hang"] as const) {
    const clock = createTestClock();
    const { door } = createLeaseHall();
    const first = door();
    const a = contend("a", { kube: first.kube, clock });
    await clock.advance(10);
    const b = contend("b", { kube: door().kube, clock });
    await clock.advance(20_000);
    first.state.mode = mode;
    await clock.advance(6000);
    expect(a.leads()).toBe(false);
    await clock.advance(20_000);
    expect(b.leads()).toBe(true);
    expect(a.times[0]?.until).toBeLessThan(b.times[0]?.from ?? 0);
    for (const one of [a, b]) one.stop.abort();
  }
});

test("holdLease: short faults do not end a term", async () => {
  const clock = createTestClock();
  const { door } = createLeaseHall();
  const first = door();
  const a = contend("a", { kube: first.kube, clock });
  await clock.advance(10);
  for (let n = 0; n < 10; n++) {
    first.state.mode = "cut";
    await clock.advance(3000);
    first.state.mode = "open";
    await clock.advance(3000);
  }
  expect(a.times.length).toBe(1);
  expect(a.leads()).toBe(true);
  a.stop.abort();
  await a.running;
});

test("holdLease.check fails at once after a stop of the whole process, before any timer has run", async () => {
  const clock = createTestClock();
  const { door } = createLeaseHall();
  let skipped = 0;
  const stopped = { ...clock, now: () => clock.now() + skipped };
  const one = door();
  const a = contend("a", { kube: one.kube, clock: stopped });
  await clock.advance(10);
  const term = a.terms[0];
  term?.check();
  expect(a.leads()).toBe(true);
  skipped = 7000;
  const fenced = fence(one.kube, () => term?.check());
  const write = fenced.create("Event", {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "x" },
  });
  expect(await write.catch(codeOf)).toBe("NotLeader");
  expect(term?.signal.aborted).toBe(true);
  a.stop.abort();
});

test("holdLease never reads the holder's clock: a lease from the far future or past expires by our own", async () => {
  for (const renewTime of ["2099-01-01T00:00:00.000000Z", "1999-01-01T00:00:00.000000Z"]) {
    const clock = createTestClock();
    const { hall, door } = createLeaseHall();
    hall.lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "operator", namespace: "ns", uid: "u", resourceVersion: "0" },
      spec: { holderIdentity: "gone", leaseDurationSeconds: 9, renewTime },
    };
    const b = contend("b", { kube: door().kube, clock });
    await clock.advance(8900);
    expect(b.times.length).toBe(0);
    await clock.advance(2500);
    expect(b.leads()).toBe(true);
    b.stop.abort();
  }
});

test("holdLease ends, and gives the lease up, when the leader's work ends of itself or fails", async () => {
  for (const fails of [false, true]) {
    const clock = createTestClock();
    const { hall, door } = createLeaseHall();
    const lead = async () => {
      if (fails) throw new Failure("broken", { code: "Broken" });
    };
    const { signal } = new AbortController();
    const options = {
      namespace: "ns",
      name: "operator",
      identity: "a",
      log: silentLog,
      clock,
      lead,
    };
    const end = await holdLease(door().kube, options, signal).then(() => "ended", codeOf);
    expect(end).toBe(fails ? "Broken" : "ended");
    expect(hall.writes).toEqual(["a", ""]);
    await settle();
    expect(clock.waiting).toBe(0);
  }
});
