import { expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cgroupsNamed, makeCgroups, removeCgroups } from "./cgroups.ts";
import { cleanRemains, folderPrefix } from "./remains.ts";

test("cleanRemains takes away what a killed run left, and nothing of a run that lives", () => {
  const child = Bun.spawnSync(["true"]);
  const names = [child.pid, process.pid].map((pid) => `${folderPrefix}${pid}-remains`);
  const [dead = "", living = ""] = names;
  for (const name of names) {
    mkdirSync(join(tmpdir(), name, "etcd"), { recursive: true });
    makeCgroups(`${name}-node1`);
  }
  try {
    cleanRemains();
    expect(names.map((name) => existsSync(join(tmpdir(), name)))).toEqual([false, true]);
    expect(cgroupsNamed(dead)).toEqual([]);
    expect(cgroupsNamed(living)).toEqual([`${living}-node1`]);
  } finally {
    removeCgroups(`${living}-node1`);
    rmSync(join(tmpdir(), living), { recursive: true });
  }
});
