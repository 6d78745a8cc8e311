import { rmSync } from "node:fs";
import { databasePath, journalPath, lockDir, tombstoneDirs } from "../node/paths.ts";
import type { NodePaths } from "../settings.ts";
import { unmarkRecord } from "./recordmark.ts";

/** Removes what nicd keeps on a node that it leaves for good; the record must be closed. */
export function forgetNode(paths: Pick<NodePaths, "runDir" | "stateDir">): void {
  const database = databasePath(paths);
  for (const file of [database, `${database}-wal`, `${database}-shm`])
    rmSync(file, { force: true });
  rmSync(journalPath(paths), { force: true });
  unmarkRecord(paths);
  for (const folder of [...tombstoneDirs(paths), lockDir(paths)]) {
    rmSync(folder, { recursive: true, force: true });
  }
}
