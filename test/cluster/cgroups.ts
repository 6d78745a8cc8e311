import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

const root = "/sys/fs/cgroup";
/** The kubelet refuses a `cgroupRoot` that one of these lacks (cgroup v1). */
const hierarchies = [
  ...["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd"],
];

/** Makes a node's cgroup in every v1 hierarchy. */
export function makeCgroups(name: string): void {
  for (const hierarchy of hierarchies) {
    if (!existsSync(join(root, hierarchy))) {
      throw new Error(`${root}/${hierarchy} is missing: these tests know cgroup v1 only`);
    }
    mkdirSync(join(root, hierarchy, name), { recursive: true });
  }
  // Empty ones refuse processes (cpusets.rst).
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const of = (folder: string) => join(root, "cpuset", folder, file);
    writeFileSync(of(name), readFileSync(of("")));
  }
}

/** Removes a node's cgroups in all hierarchies, `unified` too; fails with EBUSY while a process lives in one. */
export function removeCgroups(name: string): void {
  for (const hierarchy of readdirSync(root)) removeTree(join(root, hierarchy, name));
}

/** Returns the names of cgroups that begin so, in any hierarchy. */
export function cgroupsNamed(prefix: string): string[] {
  const names = readdirSync(root).flatMap((hierarchy) => readdirSync(join(root, hierarchy)));
  return [...new Set(names.filter((name) => name.startsWith(prefix)))];
}

function removeTree(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  rmdirSync(folder);
}
