import { Database } from "bun:sqlite";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { codeOf, Failure } from "../errors.ts";

/** Bytes of a write-ahead log's header; its salts change whenever the log is begun again (sqlite.org/fileformat2.html#walhdr). */
const logHeaderBytes = 32;
const tries = 5;

type Copy = (from: string, to: string) => void;

/**
 * Opens a copy of a record, which may be in use: nicd shares its own with nobody, and one on a read-only disk cannot be opened
 * at all. The copy is made in `folder` (by `copyFile`, as copyFileSync) and nothing of it stays there; the caller closes it.
 */
export function openRecordCopy(
  file: string,
  folder: string,
  copyFile: Copy = copyFileSync,
): Database {
  const own = mkdtempSync(join(folder, "record-"));
  try {
    const copy = join(own, "state.db");
    copyWhole(file, copy, copyFile);
    const db = new Database(copy, { strict: true });
    // Opens both files at once; from then on they need no names.
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    db.query("SELECT count(*) FROM sqlite_schema").get();
    return db;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/**
 * Copies the record, then its log. What a checkpoint moves meanwhile from the log to the record is in the log too, until the
 * log is begun again; when it was, the copy is made anew.
 */
function copyWhole(from: string, to: string, copyFile: Copy): void {
  for (let i = 0; i < tries; i++) {
    const before = logHeader(from);
    copyFile(from, to);
    copyLog(from, to, copyFile);
    if (logHeader(from) === before) return;
  }
  throw new Failure(`Cannot copy ${from}: it changed each of ${tries} times while it was read`);
}

/** A record that was closed has no log. */
function copyLog(from: string, to: string, copyFile: Copy): void {
  rmSync(log(to), { force: true });
  try {
    copyFile(log(from), log(to));
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

function logHeader(file: string): string {
  if (!existsSync(log(file))) return "";
  const bytes = new Uint8Array(logHeaderBytes);
  const fd = openSync(log(file), "r");
  try {
    return bytes.subarray(0, readSync(fd, bytes)).toHex();
  } finally {
    closeSync(fd);
  }
}

function log(file: string): string {
  return `${file}-wal`;
}
