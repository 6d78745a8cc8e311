import { expect, test } from "bun:test";
import { readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { hadRecord, markRecord, unmarkRecord } from "../../../src/lib/nicd/recordmark.ts";
import { tempFolder } from "../../support/tempfolder.ts";

test("markRecord notes this boot once, does not touch the note again, and replaces another boot's whole", () => {
  using folder = tempFolder("mark");
  const paths = { runDir: join(folder.path, "run"), stateDir: join(folder.path, "state") };
  expect(hadRecord(paths, "b1")).toBe(false);
  markRecord(paths, "b1");
  const [name = ""] = readdirSync(paths.runDir);
  const mark = join(paths.runDir, name);
  utimesSync(mark, 1_000, 1_000);
  markRecord(paths, "b1");
  expect(statSync(mark).mtimeMs).toBe(1_000_000);
  const { ino } = statSync(mark);
  markRecord(paths, "b2");
  expect([hadRecord(paths, "b1"), hadRecord(paths, "b2")]).toEqual([false, true]);
  // Another file under the name: there is no moment in which the note is cut off.
  expect(statSync(mark).ino).not.toBe(ino);
  expect(readdirSync(paths.runDir)).toEqual([name]);
  unmarkRecord(paths);
  expect(hadRecord(paths, "b2")).toBe(false);
});
