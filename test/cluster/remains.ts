import { existsSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cgroupsNamed, removeCgroups } from "./cgroups.ts";

/** Folders and cgroups of a cluster begin so, then the process that made them. */
export const folderPrefix = "multinic-cluster-";

/**
 * Removes folders and cgroups of clusters whose process is gone: it was killed, and the kernel has ended all that ran in
 * its namespaces. Those of living processes stay.
 */
export function cleanRemains(): void {
  for (const name of cgroupsNamed(folderPrefix)) if (isDead(name)) removeCgroups(name);
  for (const name of readdirSync(tmpdir())) {
    if (name.startsWith(folderPrefix) && isDead(name)) {
      rmSync(join(tmpdir(), name), { recursive: true });
    }
  }
}

function isDead(name: string): boolean {
  const pid = /^(\d+)-/.exec(name.slice(folderPrefix.length))?.[1];
  return pid !== undefined && !existsSync(`/proc/${pid}`);
}
