import { existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { Failure } from "../lib/errors.ts";
import { askLab, type LabRequests, type PodRow } from "../lib/lab/control.ts";
import { checkMachine, defaultDir, enclosed, machineState } from "../lib/lab/enclosure.ts";
import { eventually } from "../lib/lab/eventually.ts";
import { isLabFolder, lastWords, removeFolder, takeFolder } from "../lib/lab/folder.ts";
import { columns } from "../lib/lab/show.ts";
import { readLimits, readSeconds, readShape } from "./lab-shape.ts";
import type { Flags, Io } from "./verb.ts";

const shapeFlags = [
  "hosts",
  "nics",
  "kinds",
  "machine",
  "families",
  "plugin",
  "mode",
  "network",
  "rails",
  "seconds",
] as const;

/** Shows the whole path in a lab of its own and proves that the machine is as it was. */
export async function runDemo(flags: Flags, io: Io): Promise<number> {
  readShape(flags);
  readSeconds(flags);
  checkMachine();
  const dir = typeof flags["dir"] === "string" ? flags["dir"] : `${defaultDir()}-${process.pid}`;
  if (alive(dir))
    throw new Failure(`A lab is up already in ${dir}: name another folder with --dir`);
  takeFolder(dir);
  const before = await machineState();
  const child = Bun.spawn(
    enclosed([process.execPath, "lab", "inside", "demo", ...pass(flags), "--dir", dir]),
    { stdin: "ignore", stdout: "inherit", stderr: "inherit" },
  );
  let interrupted = false;
  onSignals(() => {
    interrupted = true;
    tellFirstProcess(child);
  });
  const code = await child.exited;
  if (code !== 0 && !interrupted) for (const line of lastWords(dir)) io.err(line);
  removeFolder(dir);
  const after = await machineState();
  const left = after.filter((item) => !before.includes(item));
  if (left.length > 0) {
    io.err(`The lab left behind: ${left.join(", ")}`);
    return 1;
  }
  if (interrupted) return 130;
  if (code === 0) {
    io.out(
      "   0 processes, links, namespaces and files left on this machine: the lab's first process has ended,",
    );
    io.out("     and with it its PID, network and mount namespaces.");
  }
  return code;
}

/** Starts a lab that stays. */
export async function up(flags: Flags, io: Io): Promise<number> {
  readShape(flags);
  checkMachine();
  const dir = dirOf(flags);
  if (alive(dir))
    throw new Failure(`A lab is up already in ${dir}: take it down with \`multinic lab down\``);
  takeFolder(dir);
  const log = openSync(join(dir, "lab.log"), "a", 0o600);
  const child = Bun.spawn(
    [
      "setsid",
      ...enclosed([process.execPath, "lab", "inside", "serve", ...pass(flags), "--dir", dir]),
    ],
    { stdin: "ignore", stdout: log, stderr: log },
  );
  child.unref();
  writeFileSync(join(dir, "pid"), String(child.pid), { mode: 0o600 });
  let interrupted = false;
  onSignals(() => {
    interrupted = true;
  });
  try {
    await eventually(
      "the lab",
      async () => {
        const text = readFileSync(join(dir, "lab.log"), "utf8");
        if (text.split("\n").includes("ready") || interrupted) return { value: true };
        if (child.exitCode !== null) return { value: false };
        return { not: text.trim() };
      },
      180_000,
    ).then((started) => {
      if (interrupted) throw new Failure("Interrupted: the lab is gone again");
      if (!started) throw new Failure("The lab ended");
    });
  } catch (error) {
    child.kill("SIGKILL");
    await child.exited;
    if (!interrupted) for (const line of lastWords(dir)) io.err(line);
    removeFolder(dir);
    throw error;
  }
  const said = readFileSync(join(dir, "lab.log"), "utf8").split("\n");
  for (const line of said.slice(0, said.indexOf("ready"))) io.out(line);
  io.out(`The lab is up in ${dir}. Next: multinic lab pod add pod-1 --host host1`);
  return 0;
}

/** Takes a lab down; none is fine too. */
export async function down(flags: Flags, io: Io): Promise<number> {
  const dir = dirOf(flags);
  const pid = alive(dir);
  if (pid === undefined) {
    const left = isLabFolder(dir);
    removeFolder(dir);
    io.out(left ? `No lab was up; removed what one had left in ${dir}.` : "No lab was up.");
    return 0;
  }
  // unshare(1) does not pass signals on: its child, the lab's first process, is told by itself.
  for (const child of childrenOf(pid)) process.kill(child, "SIGTERM");
  await eventually("the lab to end", async () =>
    alive(dir) === undefined ? { value: true } : { not: "still there" },
  );
  removeFolder(dir);
  io.out("The lab is down.");
  return 0;
}

/** Ctrl-C in a terminal reaches the lab as well; every other way reaches us alone. */
function onSignals(act: () => void): void {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, act);
}

/** Asks the lab's first process to end; while there is none yet, ends unshare(1), which takes along what it has made. */
function tellFirstProcess(child: Subprocess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const inside = childrenOf(child.pid);
  if (inside.length === 0) child.kill("SIGKILL");
  for (const pid of inside) process.kill(pid, "SIGTERM");
}

export async function apply(flags: Flags, io: Io): Promise<number> {
  const yaml = await readManifest(String(flags["file"]));
  const applied = await askLab(dirOf(flags), "apply", { yaml });
  const networks = applied.filter((one) => one.kind === "MultiNicNetwork");
  io.out(
    columns([
      ["KIND", "NAME", "CONFIG", "ROUTES", "MESSAGE"],
      ...applied.map((one) => [one.kind, one.name, one.configStatus, one.routeStatus, one.message]),
    ]),
  );
  const failed = (one: (typeof networks)[number]) =>
    one.configStatus === "Failed" || one.routeStatus === "Failed";
  return networks.some(failed) ? 1 : 0;
}

async function readManifest(file: string): Promise<string> {
  try {
    return await (file === "-" ? Bun.stdin : Bun.file(file)).text();
  } catch (error) {
    throw new Failure(`Cannot read ${file}`, { cause: error });
  }
}

export async function podAdd(flags: Flags, io: Io): Promise<number> {
  const request = {
    host: String(flags["host"]),
    namespace: String(flags["namespace"]),
    name: String(flags["name"]),
    networks: String(flags["networks"]),
    limits: readLimits(String(flags["limits"] ?? "")),
  };
  io.out(podTable([await askLab(dirOf(flags), "podAdd", request)]));
  return 0;
}

export async function podDelete(flags: Flags, io: Io): Promise<number> {
  const request = { namespace: String(flags["namespace"]), name: String(flags["name"]) };
  const { failures } = await askLab(dirOf(flags), "podDelete", request);
  for (const failure of failures) io.err(failure);
  return failures.length === 0 ? 0 : 1;
}

export async function podList(flags: Flags, io: Io): Promise<number> {
  io.out(podTable(await askLab(dirOf(flags), "pods", {})));
  return 0;
}

export async function daemon(flags: Flags, _io: Io): Promise<number> {
  const act = String(flags["act"]) as LabRequests["daemon"]["request"]["act"];
  await askLab(dirOf(flags), "daemon", { host: String(flags["host"]), act });
  return 0;
}

function podTable(pods: readonly PodRow[]): string {
  return columns([
    ["POD", "HOST", "INTERFACES"],
    ...pods.map((pod) => [
      `${pod.namespace}/${pod.name}`,
      pod.host,
      pod.interfaces.map((link) => `${link.name}=${link.addresses.join(",")}`).join(" "),
    ]),
  ]);
}

function dirOf(flags: Flags): string {
  return typeof flags["dir"] === "string" ? flags["dir"] : defaultDir();
}

/** Hands the lab's shape on to the process inside. */
function pass(flags: Flags): string[] {
  return shapeFlags.flatMap((name) =>
    flags[name] === undefined ? [] : [`--${name}`, String(flags[name])],
  );
}

/** Returns the pid of the process that holds a lab, when it runs. */
function alive(dir: string): number | undefined {
  const file = join(dir, "pid");
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, "utf8"));
  const command = `/proc/${pid}/cmdline`;
  const own = existsSync(command) ? readFileSync(command, "utf8") : undefined;
  return own?.includes(dir) ? pid : undefined;
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}
