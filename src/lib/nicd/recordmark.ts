import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { codeOf, Failure } from "../errors.ts";
import { databasePath } from "../node/paths.ts";
import type { NodePaths } from "../settings.ts";

type Paths = Pick<NodePaths, "runDir" | "stateDir">;

/**
 * Notes, in the folder that a reboot empties, that this boot has a record with something in it. A note that is there is not
 * touched: where that folder is full, it would be cut off.
 */
export function markRecord(paths: Paths, bootId: string): void {
  if (hadRecord(paths, bootId)) return;
  mkdirSync(paths.runDir, { recursive: true, mode: 0o700 });
  const mark = markPath(paths);
  writeFileSync(`${mark}.new`, bootId, { mode: 0o600 });
  renameSync(`${mark}.new`, mark);
}

/** Says that a record is not the one that this boot had: it was deleted, or one of an earlier boot was put back. */
export function lostRecord(paths: Paths): Failure {
  return new Failure(
    `Cannot use the node's record ${databasePath(paths)}: it is empty or of an earlier boot, but this boot had one; pods may hold addresses that are no longer on record: restore the file, or drain the node and reboot it`,
  );
}

/** Tells whether this very boot had a record. */
export function hadRecord(paths: Paths, bootId: string): boolean {
  return readMark(paths) === bootId;
}

/** Takes the note away, with the record itself. */
export function unmarkRecord(paths: Paths): void {
  rmSync(markPath(paths), { force: true });
}

function readMark(paths: Paths): string | undefined {
  try {
    return readFileSync(markPath(paths), "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new Failure("Cannot tell whether this boot had a record", { cause: error });
  }
}

function markPath(paths: Paths): string {
  return `${paths.runDir}/record`;
}
