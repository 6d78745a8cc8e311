import { constants, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { type FileHandle, open, symlink } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, Failure } from "../errors.ts";
import {
  type FolderEntry,
  type ProgramStep,
  planPrograms,
  planRemoval,
  versionName,
} from "../plan/cniprograms.ts";
import {
  chunksOf,
  copyProgram,
  isRunning,
  place,
  removeEntry,
  stamp,
  syncFolder,
} from "./place.ts";

/** Where CNI programs are installed from and to. */
export interface InstallOptions {
  /** Our own executable. */
  readonly program: string;
  /** The host's CNI folder as this process sees it. Nothing outside it is ever written. */
  readonly folder: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What a look at the folder found and changed. */
export interface Installed {
  /** File that the links name. */
  readonly version: string;
  /** False = everything was in place. */
  readonly changed: boolean;
}

/** Reads a program and returns its SHA-256 in hex. */
export async function digestOf(program: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  const file = await open(program, constants.O_RDONLY);
  try {
    for await (const chunk of chunksOf(file)) hash.update(chunk);
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

/**
 * Makes the folder hold this very program and its names; every name changes by one rename of a finished, synced file.
 * `digest` is that of `program`; `known` that of the installed file when it has not changed since it was last read.
 * Throws a Failure that names the path and the way out.
 */
export async function installPrograms(
  options: InstallOptions,
  digest: string,
  trust: { readonly known?: string | undefined } = {},
): Promise<Installed> {
  const { folder, now } = options;
  const version = versionName(digest);
  const seen = readFolder(folder);
  const intact = trust.known === digest || (await isIntact(join(folder, version), digest));
  const steps = planPrograms(seen, { version, intact, now: now() });
  await apply(steps, options);
  return { version, changed: steps.some((step) => step.do !== "remove") };
}

/** Takes our programs out of the folder again; what others put there stays. Returns the names that went. */
export async function removePrograms(options: InstallOptions): Promise<string[]> {
  const steps = planRemoval(readFolder(options.folder));
  await apply(steps, options);
  return steps.map((step) => step.name);
}

function readFolder(folder: string): FolderEntry[] {
  const entries: FolderEntry[] = [];
  try {
    for (const name of readdirSync(folder)) {
      const entry = look(folder, name);
      if (entry) entries.push(entry);
    }
  } catch (error) {
    throw trouble("read", folder, error);
  }
  return entries;
}

function look(folder: string, name: string): FolderEntry | undefined {
  const path = join(folder, name);
  try {
    const found = lstatSync(path);
    const changedMs = found.mtimeMs;
    if (found.isSymbolicLink())
      return { name, kind: "link", target: readlinkSync(path), changedMs };
    const kind = found.isFile() ? "file" : found.isDirectory() ? "folder" : "other";
    return { name, kind, changedMs };
  } catch (error) {
    // Gone since it was listed: another plugin's installer is at work.
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Tells whether a plain file (no link) with exactly this content is there, that everybody may run and only we may change:
 * nobody else owns it, and it has no second name.
 */
async function isIntact(path: string, digest: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // ELOOP: a link has the name. It is replaced, never followed.
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ELOOP") return false;
    throw trouble("read", path, error);
  }
  try {
    const found = await file.stat();
    if (!found.isFile() || (found.mode & 0o7777) !== 0o755) return false;
    if (found.uid !== process.getuid?.() || found.nlink !== 1) return false;
    const hash = new Bun.CryptoHasher("sha256");
    for await (const chunk of chunksOf(file)) hash.update(chunk);
    return hash.digest("hex") === digest;
  } finally {
    await file.close();
  }
}

async function apply(steps: readonly ProgramStep[], options: InstallOptions): Promise<void> {
  const { folder } = options;
  for (const step of steps) {
    const path = join(folder, step.name);
    try {
      if (step.do === "copy") await place(path, (scratch) => copyProgram(options.program, scratch));
      else if (step.do === "link") await place(path, (scratch) => symlink(step.target, scratch));
      else if (step.do === "retire") await stamp(path, options.now());
      else if (!step.unlessRunning || !(await isRunning(path))) await removeEntry(path);
    } catch (error) {
      throw trouble(step.do === "remove" ? "remove" : "write", path, error);
    }
  }
  if (steps.length > 0) await syncFolder(folder);
}

const waysOut: Readonly<Record<string, string>> = {
  EROFS:
    "the folder is read-only: mount a writable CNI folder (Config spec.daemon.mounts, name cnibin)",
  EACCES:
    "nicd runs as root without CAP_DAC_OVERRIDE: make root the folder's owner, or add DAC_OVERRIDE to Config's spec.daemon.securityContext",
  EPERM: "the host forbids it: on SELinux hosts see docs/install.md",
  ENOSPC: "the disk is full: two versions of the program need 250 MB",
  EISDIR: "a folder has the name: remove it",
  ENOENT: "the folder is missing: mount the host's CNI folder there",
};

function trouble(verb: string, path: string, cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const code = codeOf(cause);
  const way = waysOut[code ?? ""];
  return new Failure(`Cannot ${verb} ${path}${way ? `: ${way}` : ""}`, { code, cause });
}
