import { afterAll, beforeAll, expect, test } from "bun:test";
import { faultPoints } from "../../src/lib/faultpoint.ts";
import { doneTwice, indexFaults, Leaders } from "../cluster/leaders.ts";

const points = faultPoints.filter((point) => point.startsWith("operator."));
/** What nothing may take longer than until the other acts; a lease lasts 9 s. */
const longestMs = 15_000;
let leaders: Leaders;
let names = 0;

beforeAll(async () => {
  leaders = await Leaders.start();
  await leaders.network("net");
}, 900_000);
afterAll(() => leaders?.[Symbol.asyncDispose]());

test.each(points)("operator: killed at %s, the other acts within 15 s", async (point) => {
  const fresh = () => `operator-${++names}`;
  const first = await leaders.operator(fresh(), point);
  // One that dies the moment it leads has to be waited for by its end alone.
  if (point !== "operator.lease.held") await leaders.leads(first.user);
  else await first.child.exited;
  const diedAt = Date.now();
  const second = await leaders.operator(fresh());
  await leaders.join();
  // A definition is written for a new namespace, or when the network changes.
  await leaders.space(`space-${names}`);
  await first.child.exited;
  expect(first.child.signalCode).toBe("SIGKILL");
  await leaders.planned();
  const audit = leaders.audit();
  const last = audit.findLast(({ user }) => user === first.user)?.at ?? diedAt;
  const next = audit.find(({ user }) => user === second.user)?.at ?? Number.NaN;
  process.stderr.write(`${point}: ${next - last} ms from the last write to the other's first\n`);
  expect(next - last).toBeLessThan(longestMs);
  expect(indexFaults(leaders.history)).toEqual([]);
  expect(doneTwice(audit)).toEqual([]);
  await leaders.end(second);
});
