import { readdirSync, readFileSync } from "node:fs";
import { codeOf } from "../../src/lib/errors.ts";

/** Resident memory of a lab's daemons, MiB. */
export interface Memory {
  readonly nicd: number;
  readonly operator: number;
}

/** Reads VmRSS of the daemons of the lab in `dir`. */
export function daemonMemory(dir: string): Memory {
  const found: Record<string, number> = {};
  for (const pid of readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      const program = words[1] ?? "";
      if (!["nicd", "operator"].includes(program) || !words.includes(`${dir}/kubeconfig`)) continue;
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      found[program] = Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1]) / 1024;
    } catch (error) {
      // It ended while we looked.
      if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ESRCH") throw error;
    }
  }
  return { nicd: found["nicd"] ?? Number.NaN, operator: found["operator"] ?? Number.NaN };
}
