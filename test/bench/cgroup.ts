import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";

/** A control group with the limits of a container, of version 1 or 2, whichever the machine has. */
export interface Limited {
  /** Files that a process writes 0 to, to join. */
  readonly doors: readonly string[];
  /** Peak of all memory charged to the group, page cache and kernel memory included; bytes. */
  peakBytes(): number;
  oomKills(): number;
  /** Processor time of all its processes so far, ms. */
  cpuMs(): number;
  [Symbol.dispose](): void;
}

const root = "/sys/fs/cgroup";

/** Makes the group; `memoryMi` in MiB, `milliCpu` as Kubernetes counts. */
export function limited(
  name: string,
  limits: { readonly memoryMi: number; readonly milliCpu: number },
): Limited {
  const bytes = String(limits.memoryMi * 1024 * 1024);
  const quota = String(limits.milliCpu * 100);
  return existsSync(`${root}/cgroup.controllers`)
    ? unified(`${root}/${name}`, bytes, quota)
    : legacy(name, bytes, quota);
}

function unified(folder: string, bytes: string, quota: string): Limited {
  writeFileSync(`${root}/cgroup.subtree_control`, "+memory +cpu");
  mkdirSync(folder);
  writeFileSync(`${folder}/memory.max`, bytes);
  writeFileSync(`${folder}/cpu.max`, `${quota} 100000`);
  return {
    doors: [`${folder}/cgroup.procs`],
    peakBytes: () => Number(readFileSync(`${folder}/memory.peak`, "utf8")),
    oomKills: () => field(`${folder}/memory.events`, "oom_kill"),
    cpuMs: () => field(`${folder}/cpu.stat`, "usage_usec") / 1000,
    [Symbol.dispose]: () => rmdirSync(folder),
  };
}

function legacy(name: string, bytes: string, quota: string): Limited {
  const [memory, cpu, account] = ["memory", "cpu", "cpuacct"].map(
    (kind) => `${root}/${kind}/${name}`,
  );
  for (const folder of [memory, cpu, account]) mkdirSync(`${folder}`);
  writeFileSync(`${memory}/memory.limit_in_bytes`, bytes);
  writeFileSync(`${cpu}/cpu.cfs_period_us`, "100000");
  writeFileSync(`${cpu}/cpu.cfs_quota_us`, quota);
  return {
    doors: [memory, cpu, account].map((folder) => `${folder}/cgroup.procs`),
    peakBytes: () => Number(readFileSync(`${memory}/memory.max_usage_in_bytes`, "utf8")),
    oomKills: () => field(`${memory}/memory.oom_control`, "oom_kill"),
    cpuMs: () => Number(readFileSync(`${account}/cpuacct.usage`, "utf8")) / 1e6,
    [Symbol.dispose]() {
      for (const folder of [memory, cpu, account]) rmdirSync(`${folder}`);
    },
  };
}

function field(file: string, name: string): number {
  const line = readFileSync(file, "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${name} `));
  return Number(line?.split(" ")[1] ?? 0);
}
