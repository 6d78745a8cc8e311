import { readFileSync, realpathSync } from "node:fs";
import { Failure } from "../errors.ts";

/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), as far as we look. */
export interface Mount {
  readonly path: string;
  /** Optional fields: `shared:1`, `master:7`, … */
  readonly propagation: readonly string[];
  readonly type: string;
}

/** Filesystems on which SQLite's locks or shared memory cannot be trusted. */
const remote = /^(nfs4?|fuse(blk|\..*)?|cifs|smb3?)$/;

/** Throws when the folder lies on NFS, SMB or FUSE. `mountinfo` replaces /proc/self/mountinfo. */
export function refuseNetworkFilesystem(folder: string, mountinfo?: string): void {
  const mount = mountOf(realpathSync(folder), mountinfo ?? readMountinfo());
  if (mount && !remote.test(mount.type)) return;
  throw new Failure(
    mount
      ? `Cannot keep the node's record in ${folder}: ${mount.path} is ${mount.type}, where file locks do not hold; use a local disk or tmpfs`
      : `Cannot keep the node's record in ${folder}: no mount in /proc/self/mountinfo holds it`,
  );
}

/** Reads this process's mounts. */
export function readMountinfo(): string {
  return readFileSync("/proc/self/mountinfo", "utf8");
}

/** Returns the mount that holds a path: the longest mount point above it, the last one where two are equal. */
export function mountOf(path: string, mountinfo: string): Mount | undefined {
  let best: Mount | undefined;
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const fields = left.split(" ");
    const point = fromOctal(fields[4] ?? "");
    if (point === "" || !holds(point, path) || (best && point.length < best.path.length)) continue;
    best = { path: point, propagation: fields.slice(6), type: right.split(" ")[0] ?? "" };
  }
  return best;
}

function holds(point: string, path: string): boolean {
  return point === "/" || path === point || path.startsWith(`${point}/`);
}

/** Space, tab, newline and backslash are written as octal. */
function fromOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
