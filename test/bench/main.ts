/**
 * `make bench`: compares the compiled plugins with the reference plugins and the budgets, in one run, and prints one
 * table (`--json`: the numbers). Exit 1 when a budget is missed, 2 when it could not be measured.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { explain } from "../../src/lib/errors.ts";
import { environment } from "../../src/lib/settings.ts";
import type { HostResult } from "./host.ts";
import { daemonMemory } from "./memory.ts";
import { missed, type RecordResult, type Report, render, rowsOf } from "./report.ts";

const root = join(import.meta.dir, "../..");
const program = join(root, "dist/multinic");
const guestBench = join(root, "test/uml/bench-ipvlan.ts");
/** The guest ends itself after so long. */
const guestSeconds = "90";
/** A daemon that has just started has not come to rest. */
const restMs = 3_000;

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => stop.abort(new Error(`ended by ${name}`)));
}

/** Runs a program to its end and returns its stdout; what it says on stderr is ours. Ends it when we are told to end. */
async function output(
  command: string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  stop.signal.throwIfAborted();
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    env: { ...environment(), ...env },
  });
  const told = Promise.withResolvers<never>();
  const end = () => {
    child.kill("SIGTERM");
    // What runs inside the lab ends with the lab: it is not waited for.
    told.reject(stop.signal.reason);
  };
  stop.signal.addEventListener("abort", end, { once: true });
  const ended = Promise.all([new Response(child.stdout).text(), child.exited]);
  const [text, code] = await Promise.race([ended, told.promise]);
  stop.signal.removeEventListener("abort", end);
  if (code !== 0) throw new Error(`${command.slice(0, 4).join(" ")} … ended with ${code}`);
  return text;
}

/** Measures in a lab of our own, and takes it down whatever happens. */
async function onLab(): Promise<Pick<Report, "host" | "memory">> {
  const dir = mkdtempSync(join(tmpdir(), "multinic-bench-"));
  try {
    await output([
      program,
      "lab",
      "up",
      "--hosts=1",
      "--nics=8",
      "--plugin=macvlan",
      `--dir=${dir}`,
    ]);
    await Bun.sleep(restMs);
    const atStart = daemonMemory(dir);
    const plan = {
      kubeconfig: join(dir, "kubeconfig"),
      programs: "/opt/cni/bin",
      versionRuns: 40,
      pairRuns: 25,
      nics: [1, 2, 4, 8],
    };
    const text = await output([
      ...["nsenter", "-t", String(holderOf(dir)), "-m", "-n", "-p", "--"],
      ...[process.execPath, join(root, "test/bench/host.ts"), JSON.stringify(plan)],
    ]);
    const host: HostResult = JSON.parse(text);
    return { host, memory: { atStart, afterwards: daemonMemory(dir) } };
  } finally {
    Bun.spawnSync([program, "lab", "down", `--dir=${dir}`], { stdout: "ignore" });
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Finds the first process of the lab's host1, whose namespaces are the host's. */
function holderOf(dir: string): number {
  const children = (pid: number) =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  const lab = children(Number(readFileSync(join(dir, "pid"), "utf8"))).flatMap(children);
  const sleeper = lab.find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("sleep\0"),
  );
  if (sleeper === undefined) throw new Error(`the lab in ${dir} has no host`);
  return sleeper;
}

/** A guest that fails costs its rows, not the others; they then count as missed. */
async function inGuest(): Promise<Report["guest"]> {
  try {
    const runs = "4";
    return JSON.parse(await output([process.execPath, guestBench, runs], { LIMIT: guestSeconds }));
  } catch (error) {
    stop.signal.throwIfAborted();
    return { missing: `not measured: ${explain(error)}` };
  }
}

async function measure(): Promise<Report> {
  const load = loadavg()[0]?.toFixed(1) ?? "?";
  const lab = await onLab();
  const record: RecordResult = JSON.parse(
    await output([process.execPath, join(root, "test/bench/attach.ts")]),
  );
  const machine = {
    cpu: cpus()[0]?.model ?? "unknown processor",
    cores: cpus().length,
    kernel: release(),
    bun: Bun.version,
    load,
  };
  return { machine, ...lab, record, guest: await inGuest() };
}

try {
  const report = await measure();
  const rows = rowsOf(report);
  const over = missed(rows);
  const text = process.argv.includes("--json")
    ? JSON.stringify({ ...report, missed: over.map(({ section, cells }) => [section, ...cells]) })
    : render(report, rows);
  await Bun.write(Bun.stdout, `${text}\n`);
  process.exit(over.length === 0 ? 0 : 1);
} catch (error) {
  await Bun.write(Bun.stderr, `bench: ${explain(error)}\n`);
  process.exit(stop.signal.aborted ? 130 : 2);
}
