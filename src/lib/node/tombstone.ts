import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { Failure } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { AttachmentKey } from "./contract.ts";
import { keyFileName } from "./keyname.ts";

/** A detach that nicd was not there to take. */
export interface Tombstone {
  readonly key: AttachmentKey;
  /** When it was left, milliseconds since 1970. */
  readonly at: number;
}

/** What a file in the folder turned out to be. */
export type FoundTombstone =
  | { readonly file: string; readonly tombstone: Tombstone }
  | { readonly file: string; readonly problem: string };

/**
 * Leaves a tombstone in `folder`, durable when this returns. The same key writes the same file, so repeated DELs
 * leave one.
 */
export function writeTombstone(folder: string, tombstone: Tombstone): void {
  const { network, containerID, ifname } = tombstone.key;
  const key = { network, containerID, ifname };
  const name = keyFileName(key);
  const temporary = `${folder}/.${name}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeDurably(temporary, JSON.stringify({ key, at: tombstone.at }));
    faultPoint("cni.tombstone.written");
    renameSync(temporary, `${folder}/${name}.json`);
    faultPoint("cni.tombstone.renamed");
    syncFolder(folder);
  } catch (cause) {
    discard(temporary);
    throw new Failure(
      `Cannot leave a tombstone for ${ifname} of container ${containerID} in ${folder}`,
      {
        cause,
      },
    );
  }
}

/** Leaves it in the first of several folders that takes it; throws what the first one said when none does. */
export function writeTombstoneSomewhere(folders: readonly string[], tombstone: Tombstone): void {
  let first: unknown;
  for (const folder of folders) {
    try {
      writeTombstone(folder, tombstone);
      return;
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

/** Reads every tombstone of a folder, by name; a folder that is not there has none. */
export function readTombstones(folder: string): FoundTombstone[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [];
    throw new Failure(`Cannot read tombstones in ${folder}`, { cause });
  }
  return names
    .filter((name) => name.endsWith(".json") && !name.startsWith("."))
    .sort()
    .map((name) => readOne(`${folder}/${name}`));
}

/** Returns the file that a key's tombstone is in. */
export function tombstoneFile(folder: string, key: AttachmentKey): string {
  return `${folder}/${keyFileName(key)}.json`;
}

/** Tells whether a key's tombstone is in a folder. */
export function holdsTombstone(folder: string, key: AttachmentKey): boolean {
  return existsSync(tombstoneFile(folder, key));
}

/** Deletes a tombstone that has been replayed. */
export function removeTombstone(file: string): void {
  rmSync(file, { force: true });
}

/** Renames a file that is no tombstone to `<file>.bad`, so that it is kept for a person and not read again. */
export function setAside(file: string): string {
  const aside = `${file}.bad`;
  renameSync(file, aside);
  return aside;
}

function readOne(file: string): FoundTombstone {
  const text = readFileSync(file, "utf8");
  try {
    const parsed: unknown = JSON.parse(text);
    const tombstone = tombstoneOf(parsed);
    return tombstone
      ? { file, tombstone }
      : { file, problem: `not a tombstone: ${text.slice(0, 200)}` };
  } catch (error) {
    return { file, problem: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function tombstoneOf(value: unknown): Tombstone | undefined {
  if (!isRecord(value) || !isRecord(value["key"])) return undefined;
  const { network, containerID, ifname } = value["key"];
  const at = value["at"];
  if (typeof at !== "number" || !Number.isFinite(at)) return undefined;
  if (!isText(network) || !isText(containerID) || !isText(ifname)) return undefined;
  return { key: { network, containerID, ifname }, at };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function writeDurably(file: string, text: string): void {
  // A new file, never one that a link of this name leads to (O_EXCL); a process of our number may have died here.
  rmSync(file, { force: true });
  const fd = openSync(file, "wx", 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function discard(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // The folder itself is unusable: the error that brought us here says so, and is the one to report.
  }
}

/** A rename is durable only when the folder that holds the name is synced (fsync(2)). */
function syncFolder(folder: string): void {
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
