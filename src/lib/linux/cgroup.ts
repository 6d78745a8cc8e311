import { close, identify, open, readFile } from "./libc.ts";

/** The first cgroup namespace's inode (PROC_CGROUP_INIT_INO, linux/proc_ns.h). */
const firstNamespace = 0xeffffffbn;
/** What version 1 says where there is no limit: the largest long, in whole pages. */
const unlimited = 2 ** 62;

/** Bytes; "unknown" where this process cannot see the limits that count for it. */
export type MemoryLimit = number | "none" | "unknown";

/** Reads how much memory the control group of this process may have, its parents' limits included. */
export function memoryLimit(): MemoryLimit {
  try {
    const isFirst = identify("/proc/self/ns/cgroup").ino === firstNamespace;
    return limitOf(readText("/proc/self/cgroup") ?? "", isFirst, readText);
  } catch {
    return "unknown";
  }
}

/**
 * Finds the limit of the group that `groups` names (cgroups(7), /proc/PID/cgroup). In a namespace of its own (`isFirst` false)
 * a process sees its group as the root, and has its files only where its container has mounted them: a plugin that was started
 * in the host's root folder has not. `read` returns undefined for a file that is not there.
 */
export function limitOf(
  groups: string,
  isFirst: boolean,
  read: (path: string) => string | undefined,
): MemoryLimit {
  const own = groupOf(groups);
  if (!own) return "unknown";
  const { base, file } = own;
  if (!isFirst) return parse(read(`${base}/${file}`)) ?? "unknown";
  let lowest: MemoryLimit = own.path === "/" ? "none" : "unknown";
  for (let at = own.path; at.length > 1; at = at.slice(0, at.lastIndexOf("/"))) {
    const limit = parse(read(`${base}${at}/${file}`));
    if (limit === undefined) continue;
    if (typeof lowest !== "number" || (limit !== "none" && limit < lowest)) lowest = limit;
  }
  return lowest;
}

/** Version 1 where it has the memory controller, else version 2. */
function groupOf(groups: string): { base: string; file: string; path: string } | undefined {
  let second: string | undefined;
  for (const line of groups.split("\n")) {
    const [number = "", controllers = "", ...rest] = line.split(":");
    const path = rest.join(":");
    if (controllers.split(",").includes("memory"))
      return { base: "/sys/fs/cgroup/memory", file: "memory.limit_in_bytes", path };
    if (number === "0" && controllers === "") second = path;
  }
  return second === undefined
    ? undefined
    : { base: "/sys/fs/cgroup", file: "memory.max", path: second };
}

function parse(text: string | undefined): number | "none" | undefined {
  const value = text?.trim() ?? "";
  if (value === "max") return "none";
  if (value === "" || !Number.isFinite(Number(value))) return undefined;
  return Number(value) >= unlimited ? "none" : Number(value);
}

function readText(path: string): string | undefined {
  let fd: number;
  try {
    fd = open(path);
  } catch {
    return undefined;
  }
  const buffer = new Uint8Array(4096);
  try {
    return new TextDecoder().decode(buffer.subarray(0, readFile(fd, buffer)));
  } finally {
    close(fd);
  }
}
