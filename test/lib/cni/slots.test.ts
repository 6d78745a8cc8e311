import { expect, test } from "bun:test";
import { slotsFor } from "../../../src/lib/cni/slots.ts";

const mi = 2 ** 20;

test("slotsFor lets so many work at once as memory and processors are there for", () => {
  const rows = [
    [50 * mi, 64, 1],
    [63 * mi, 64, 1],
    [64 * mi, 64, 2],
    [128 * mi, 64, 6],
    [1024 * mi, 64, 8],
    [1024 * mi, 4, 4],
    [10 * mi, 4, 1],
    ["none", 1, 2],
    ["none", 4, 4],
    ["none", 128, 8],
    ["unknown", 128, 1],
  ] as const;
  for (const [limit, processors, fits] of rows)
    expect([limit, processors, slotsFor(limit, processors)]).toEqual([limit, processors, fits]);
});
