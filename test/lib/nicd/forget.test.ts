import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forgetNode } from "../../../src/lib/nicd/forget.ts";
import { markRecord } from "../../../src/lib/nicd/recordmark.ts";
import { openStore } from "../../../src/lib/nicd/store.ts";
import { databasePath, lockDir, tombstoneDir } from "../../../src/lib/node/paths.ts";

test("forgetNode leaves nothing of ours on the node, and everything that is not", () => {
  const root = mkdtempSync(join(tmpdir(), "multinic-forget-"));
  const paths = { runDir: join(root, "run"), stateDir: join(root, "state") };
  try {
    for (const folder of [tombstoneDir(paths), lockDir(paths)]) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "one"), "x");
    }
    const kept = join(root, "kept");
    mkdirSync(kept);
    writeFileSync(join(kept, "file"), "x");
    symlinkSync(kept, join(tombstoneDir(paths), "link"));
    writeFileSync(join(paths.stateDir, "foreign"), "x");
    const store = openStore(databasePath(paths));
    store.close();
    markRecord(paths, "boot-1");
    forgetNode(paths);
    expect(readdirSync(paths.stateDir)).toEqual(["foreign"]);
    expect(readdirSync(paths.runDir)).toEqual([]);
    expect(readdirSync(kept)).toEqual(["file"]);
    forgetNode(paths);
  } finally {
    rmSync(root, { recursive: true });
  }
});
