import { readdirSync, readFileSync } from "node:fs";
import { codeOf } from "../../src/lib/errors.ts";

/** Resident memory of a lab's daemons, MiB. */
export interface Memory {
  readonly nicd: number;
  readonly operator: number;
}

/** Reads VmRSS of the daemons of the lab in `dir`: children of the process that runs it. */
export function daemonMemory(dir: string): Memory {
  const found: Record<string, number> = {};
  const lab = labProcess(dir);
  for (const pid of readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      const program = words[1] ?? "";
      if (!["nicd", "operator"].includes(program)) continue;
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (/^PPid:\s+([0-9]+)$/m.exec(status)?.[1] !== lab) continue;
      found[program] = Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1]) / 1024;
    } catch (error) {
      // It ended while we looked.
      if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ESRCH") throw error;
    }
  }
  return { nicd: found["nicd"] ?? Number.NaN, operator: found["operator"] ?? Number.NaN };
}

/** The pid of the lab's first process, seen from outside its PID namespace. */
function labProcess(dir: string): string | undefined {
  for (const pid of readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (words[1] === "lab" && words[2] === "inside" && words.includes(dir)) return pid;
    } catch (error) {
      if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ESRCH") throw error;
    }
  }
  return undefined;
}
