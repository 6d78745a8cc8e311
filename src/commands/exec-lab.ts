import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../lib/errors.ts";
import { askLab } from "../lib/lab/control.ts";
import { defaultDir } from "../lib/lab/enclosure.ts";
import type { Flags, Io } from "./verb.ts";

/** Runs a command on a host or in a pod of the lab that is up, at the caller's own stdin, stdout and terminal. */
export async function execIn(flags: Flags, _io: Io): Promise<number> {
  const words = Array.isArray(flags["command"]) ? flags["command"].map(String) : [];
  const after = Array.isArray(flags["--"]) ? flags["--"].map(String) : [];
  const command = [...words, ...after];
  if (command.length === 0)
    throw new Failure("Say what to run: multinic lab exec --host host1 -- ip rule");
  const dir = typeof flags["dir"] === "string" ? flags["dir"] : defaultDir();
  const place = await askLab(dir, "place", {
    ...(typeof flags["host"] === "string" ? { host: flags["host"] } : {}),
    ...(typeof flags["pod"] === "string" ? { pod: flags["pod"] } : {}),
  });
  const holder = String(outsidePid(dir, place.pid));
  const child = Bun.spawn(
    ["nsenter", "-t", holder, "-m", "-n", "-p", "--", ...place.prefix, ...command],
    { stdio: ["inherit", "inherit", "inherit"], env: { ...place.environment } },
  );
  // A terminal signals the command as well; whatever else ends us reaches only us, and nsenter(1) passes nothing on.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      for (const pid of childrenOf(child.pid)) process.kill(pid, signal);
    });
  const code = await child.exited;
  // As a shell says it: ended by a signal.
  return child.signalCode === null ? code : 130;
}

/** Finds a process of the lab by its number inside: the last of NSpid in /proc/<pid>/status (proc(5)). */
function outsidePid(dir: string, inside: number): number {
  const lab = Number(readFileSync(join(dir, "pid"), "utf8"));
  for (const first of childrenOf(lab)) {
    const found = childrenOf(first).find((pid) => numberInside(pid) === inside);
    if (found !== undefined) return found;
  }
  throw new Failure("Cannot find the host's process", {
    cause: `the lab in ${dir} has no process ${inside}`,
  });
}

function numberInside(pid: number): number | undefined {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return undefined;
  const [, numbers = ""] = /^NSpid:\s*(.*)$/m.exec(readFileSync(file, "utf8")) ?? [];
  return Number(numbers.split(/\s+/).at(-1));
}

/** Children of every thread of a process: a runtime may start them from any. */
function childrenOf(pid: number): number[] {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return [];
  return readdirSync(tasks).flatMap((task) => {
    const text = readFileSync(join(tasks, task, "children"), "utf8").trim();
    return text === "" ? [] : text.split(" ").map(Number);
  });
}
