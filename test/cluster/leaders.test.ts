import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { doneTwice, indexFaults, type Leader, Leaders } from "./leaders.ts";

/** What nothing may take longer than until the other acts; a lease lasts 9 s. */
const longestMs = 15_000;
let leaders: Leaders;
let names = 0;

beforeAll(async () => {
  leaders = await Leaders.start();
}, 900_000);
afterAll(() => leaders?.[Symbol.asyncDispose]());

/** Starts a leader with a fault, and one that waits for its end. */
async function pair(fault?: string): Promise<[Leader, Leader]> {
  const first = await leaders.operator(`operator-${++names}`, fault);
  await leaders.leads(first.user);
  return [first, await leaders.operator(`operator-${++names}`)];
}

/** Time from the last write of one to the first of the other, in ms. */
function gap(first: Leader, second: Leader): number {
  const audit = leaders.audit();
  const last = audit.findLast(({ user }) => user === first.user)?.at ?? Number.NaN;
  return (audit.find(({ user }) => user === second.user)?.at ?? Number.NaN) - last;
}

function expectOnce(): void {
  expect(indexFaults(leaders.history)).toEqual([]);
  expect(doneTwice(leaders.audit())).toEqual([]);
}

test("operator: killed right after it wrote a slice, the other goes on from there within 15 s", async () => {
  const [first, second] = await pair("operator.cidr.written");
  await leaders.network("net");
  await leaders.join();
  await first.child.exited;
  expect(first.child.signalCode).toBe("SIGKILL");
  await leaders.leads(second.user);
  await leaders.planned();
  expect(gap(first, second)).toBeLessThan(longestMs);
  expectOnce();
  await leaders.end(second);
});

test("operator: stopped right before a write and woken when another leads, it writes nothing and follows", async () => {
  const [first, second] = await pair("operator.cidr.begin!stop");
  const before = leaders.audit().length;
  await leaders.join();
  await eventually("its stop", async () => (first.stopped ? { value: true } : { not: "it runs" }));
  await leaders.leads(second.user);
  await leaders.planned();
  first.kill("SIGCONT");
  // It is back when it follows: the other is killed, and it leads again.
  await leaders.join();
  await leaders.planned();
  const since = leaders.audit().slice(before);
  const firstOfSecond = since.find(({ user }) => user === second.user)?.at ?? 0;
  expect(since.filter(({ user, at }) => user === first.user && at >= firstOfSecond)).toEqual([]);
  expectOnce();
  expect(first.child.exitCode).toBe(null);
  await leaders.end(second);
  await leaders.leads(first.user);
  await leaders.end(first);
});
