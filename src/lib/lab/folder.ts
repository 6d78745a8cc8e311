import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Failure } from "../errors.ts";

/** File that says that a folder is a lab's, and so may be removed. */
const mark = ".multinic-lab";
/** Lines of each daemon's log that are worth showing when a lab fails. */
const tailLines = 8;

/**
 * Makes a folder for a lab. An empty folder and one that a lab left are taken; anything else is refused, because the
 * folder is removed with everything in it when the lab goes.
 */
export function takeFolder(dir: string): void {
  if (existsSync(dir)) {
    const found = statSync(dir);
    if (!found.isDirectory()) refuse(dir, "it is not a folder");
    if (found.uid !== process.getuid?.()) refuse(dir, "it belongs to somebody else");
    if (!isLabFolder(dir) && readdirSync(dir).length > 0) {
      refuse(dir, "it holds files that are no lab's");
    }
    rmSync(dir, { recursive: true });
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeFileSync(join(dir, mark), "");
}

/** Tells whether a folder was made for a lab. */
export function isLabFolder(dir: string): boolean {
  return existsSync(join(dir, mark));
}

/** Removes a lab's folder; one that is no lab's stays. */
export function removeFolder(dir: string): void {
  if (isLabFolder(dir)) rmSync(dir, { recursive: true, force: true });
}

/** Returns the last lines of every log in a lab's folder, for a person who asks what went wrong. */
export function lastWords(dir: string): string[] {
  if (!existsSync(dir)) return [];
  const logs = readdirSync(dir).filter((name) => name.endsWith(".log"));
  return logs.sort().flatMap((name) => {
    const lines = readFileSync(join(dir, name), "utf8").trimEnd().split("\n");
    const last = lines.slice(-tailLines).filter((line) => line !== "");
    return last.length > 0 ? [`${name}:`, ...last.map((line) => `  ${line}`)] : [];
  });
}

function refuse(dir: string, why: string): never {
  throw new Failure(`Cannot use ${dir} for a lab`, {
    cause: `${why}: name an empty or a new folder with --dir`,
  });
}
