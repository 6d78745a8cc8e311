import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename } from "node:path";
import { codeOf, Failure } from "../errors.ts";

/**
 * What sysfs answers when it has nothing to say: no such file (ENOENT, ENOTDIR), not a link, or not now — `speed` and
 * `carrier` of a NIC that is down (EINVAL), drivers without the value (EOPNOTSUPP), a device that is leaving (ENODEV, ENXIO).
 */
const unknown = new Set([
  "ENOENT",
  "ENOTDIR",
  "EINVAL",
  "EOPNOTSUPP",
  "ENOTSUP",
  "ENODEV",
  "ENXIO",
]);

/** Reads an attribute without its newline; undefined when it is missing, empty or unknown to the kernel. */
export function readAttribute(path: string): string | undefined {
  const text = ask(path, () => readFileSync(path, "utf8").trim());
  return text === "" ? undefined : text;
}

/** Reads a decimal attribute; undefined also for -1, which sysfs writes for "none" and "unknown". */
export function readCount(path: string): number | undefined {
  const text = readAttribute(path);
  return text !== undefined && /^[0-9]+$/.test(text) ? Number(text) : undefined;
}

/** Returns the last path component of what a symbolic link points at (`driver`, `physfn`). */
export function readLinkName(path: string): string | undefined {
  return ask(path, () => basename(readlinkSync(path)));
}

/** Resolves every link of a path; undefined when it leads nowhere. */
export function resolveFolder(path: string): string | undefined {
  return ask(path, () => realpathSync(path));
}

/** Tells whether a path leads to something. */
export function isThere(path: string): boolean {
  return ask(path, () => statSync(path, { throwIfNoEntry: false })) !== undefined;
}

/** Lists a folder, sorted; [] when it is not there. */
export function listFolder(path: string): string[] {
  return ask(path, () => readdirSync(path).sort()) ?? [];
}

function ask<T>(path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = codeOf(error);
    if (code !== undefined && unknown.has(code)) return undefined;
    throw new Failure(`Cannot read ${path}`, { code, cause: error });
  }
}
