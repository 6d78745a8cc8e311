import { expect, test } from "bun:test";
import { join } from "node:path";
import type { LeftByNicd } from "../../support/leftbynicd.ts";

const program = join(import.meta.dir, "../../support/leftbynicd.ts");

test("serveNode's attaches, refusals and detaches leave nothing in the heap, and compile no statement twice", async () => {
  const child = Bun.spawn([process.execPath, program], { stderr: "inherit" });
  const left: LeftByNicd = JSON.parse(await new Response(child.stdout).text());
  expect(left.grown).toEqual([]);
  expect(left.statements).toBeLessThan(60);
  expect(left.refused).toBe(1);
  expect(await child.exited).toBe(0);
}, 60_000);
