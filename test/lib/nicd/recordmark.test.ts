import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hadRecord, markRecord, unmarkRecord } from "../../../src/lib/nicd/recordmark.ts";

test("markRecord notes this boot once, does not touch the note again, and replaces another boot's whole", () => {
  const folder = mkdtempSync(join(tmpdir(), "multinic-mark-"));
  const paths = { runDir: join(folder, "run"), stateDir: join(folder, "state") };
  try {
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
  } finally {
    rmSync(folder, { recursive: true });
  }
});
