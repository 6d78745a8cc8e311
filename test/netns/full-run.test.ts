import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { finish } from "../support/lab.ts";
import { tempFolder } from "../support/tempfolder.ts";

test("nicd whose /run is full attaches, starts again, and has a whole journal as soon as there is room", async () => {
  using made = tempFolder("full");
  const folder = made.path;
  mkdirSync(join(folder, "run"));
  const program = join(import.meta.dir, "../support/full-run.ts");
  const line = `mount -t tmpfs -o size=64k,mode=700 tmpfs "$1/run"; exec "$2" "$3" "$1"`;
  const own = ["unshare", "--mount", "sh", "-ec", line, "sh", folder, process.execPath, program];
  const { code, out, err } = await finish(own);
  expect([code, err]).toEqual([0, ""]);
  const { given, found, lines } = JSON.parse(out);
  expect(Object.keys(given)).toHaveLength(42);
  expect(found).toEqual(given);
  const addresses = Object.values(found).flat();
  expect(new Set(addresses).size).toBe(84);
  const warned = lines.filter((each: string) => each.includes("cannot keep the journal"));
  expect(warned.length).toBeGreaterThan(0);
  expect(warned[0]).toContain("ENOSPC");
});
