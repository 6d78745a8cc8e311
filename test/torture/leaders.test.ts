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
  // One that dies the moment it leads has nothing left to be seen by.
  await Promise.race([leaders.leads(first.user), first.child.exited]);
  const second = await leaders.operator(fresh());
  try {
    await leaders.join();
    // A definition is written for a new namespace.
    await leaders.space(`space-${names}`);
    await first.child.exited;
    const diedAt = Date.now();
    expect(first.child.signalCode).toBe("SIGKILL");
    // Something to do for the other, whatever the first had done already.
    await leaders.join();
    await leaders.planned();
    const audit = leaders.audit();
    const acted = audit.find(({ user }) => user === second.user)?.at ?? Number.NaN;
    process.stderr.write(
      `${point}: ${acted - diedAt} ms from its death to the other's first write\n`,
    );
    expect(acted - diedAt).toBeLessThan(longestMs);
    expect(indexFaults(leaders.history)).toEqual([]);
    expect(doneTwice(audit)).toEqual([]);
  } finally {
    await leaders.end(second);
  }
});
