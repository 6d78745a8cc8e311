import { dlopen, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

/**
 * Starts programs as container runtimes do, with posix_spawn(3) and two pipes, and times them from before the spawn to
 * after wait4(2). Bun's own spawn goes through the event loop, which would add the same to both sides of every ratio.
 */

const O_CLOEXEC = 0o2000000;
const PTRACE_CONT = 7;
const PTRACE_SEIZE = 0x4206;
const PTRACE_O_TRACEEXIT = 0x40;
const PTRACE_EVENT_EXIT = 6;
const SIGTRAP = 5;

const { symbols: c } = dlopen("libc.so.6", {
  close: { args: ["i32"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  posix_spawn: { args: ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr"], returns: "i32" },
  posix_spawn_file_actions_adddup2: { args: ["ptr", "i32", "i32"], returns: "i32" },
  posix_spawn_file_actions_addopen: {
    args: ["ptr", "i32", "ptr", "i32", "u32"],
    returns: "i32",
  },
  posix_spawn_file_actions_destroy: { args: ["ptr"], returns: "i32" },
  posix_spawn_file_actions_init: { args: ["ptr"], returns: "i32" },
  ptrace: { args: ["i64", "i32", "u64", "u64"], returns: "i64" },
  read: { args: ["i32", "ptr", "u64"], returns: "i64" },
  wait4: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
  write: { args: ["i32", "ptr", "u64"], returns: "i64" },
});

export interface Program {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** A program that runs; `done` waits for it. */
export interface Running {
  readonly pid: number;
  done(): Ran;
}

export interface Ran {
  /** From before posix_spawn to after wait4. */
  readonly ms: number;
  /** Processor time of it and of the children it waited for, user and system. */
  readonly cpuMs: number;
  /** Exit code; 128 + signal when a signal ended it. */
  readonly code: number;
  readonly out: string;
}

/** Starts a program and hands it its whole input, `first` before that; input and output must fit a pipe (64 KiB). */
export function start(program: Program, first: (pid: number) => void = () => {}): Running {
  const input = pipe();
  const output = pipe();
  // 80 bytes in glibc on x86-64 and arm64.
  const actions = new Uint8Array(256);
  c.posix_spawn_file_actions_init(actions);
  c.posix_spawn_file_actions_adddup2(actions, input.read, 0);
  c.posix_spawn_file_actions_adddup2(actions, output.write, 1);
  const nowhere = text("/dev/null");
  c.posix_spawn_file_actions_addopen(actions, 2, nowhere, 1, 0);
  const argv = pointers(program.argv);
  const env = pointers(Object.entries(program.env).map(([name, value]) => `${name}=${value}`));
  const file = text(program.argv[0]);
  const stdin = new TextEncoder().encode(program.stdin);
  const pid = new Int32Array(1);
  const started = Bun.nanoseconds();
  const failed = c.posix_spawn(pid, file, actions, null, argv.list, env.list);
  if (failed !== 0) throw new Error(`cannot start ${program.argv[0]}: errno ${failed}`);
  first(pid[0] ?? -1);
  if (stdin.length > 0) c.write(input.write, stdin, stdin.length);
  for (const fd of [input.read, input.write, output.write]) c.close(fd);
  c.posix_spawn_file_actions_destroy(actions);
  return {
    pid: pid[0] ?? -1,
    done() {
      const { status, cpuMs } = wait(pid[0] ?? -1);
      const code = exitCode(status);
      const ms = (Bun.nanoseconds() - started) / 1e6;
      const out = drain(output.read);
      // What posix_spawn was handed stays reachable until here.
      void [argv.kept, env.kept, file, nowhere];
      return { ms, cpuMs, code, out };
    },
  };
}

/** Runs a program to its end. */
export function run(program: Program): Ran {
  return start(program).done();
}

/**
 * Runs a program and returns the peak of its resident memory in KiB (VmHWM), read where it stops on its way out
 * (PTRACE_EVENT_EXIT). rusage will not do: ru_maxrss starts with the memory of the process that called vfork.
 */
export function peakMemory(program: Program): { kib: number; ran: Ran } {
  const running = start(program, (pid) => {
    // It is sure to be there still: it waits for its input.
    if (c.ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT) !== 0n)
      throw new Error(`cannot trace ${program.argv[0]}`);
  });
  const { status } = wait(running.pid);
  if (status >> 8 !== (SIGTRAP | (PTRACE_EVENT_EXIT << 8)))
    throw new Error(`${program.argv[0]} ended before it could be looked at`);
  const lines = readFileSync(`/proc/${running.pid}/status`, "utf8");
  const kib = Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(lines)?.[1]);
  c.ptrace(PTRACE_CONT, running.pid, 0, 0);
  return { kib, ran: running.done() };
}

function wait(pid: number): { status: number; cpuMs: number } {
  const status = new Int32Array(1);
  // struct rusage, 144 bytes: ru_utime and ru_stime come first, each in seconds and microseconds.
  const usage = new BigInt64Array(18);
  if (c.wait4(pid, status, 0, usage) !== pid) throw new Error(`cannot wait for ${pid}`);
  const [userS = 0n, userUs = 0n, systemS = 0n, systemUs = 0n] = usage;
  const cpuMs = Number(userS + systemS) * 1000 + Number(userUs + systemUs) / 1000;
  return { status: status[0] ?? -1, cpuMs };
}

function exitCode(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}

function pipe(): { read: number; write: number } {
  const ends = new Int32Array(2);
  if (c.pipe2(ends, O_CLOEXEC) !== 0) throw new Error("cannot make a pipe");
  return { read: ends[0] ?? -1, write: ends[1] ?? -1 };
}

function drain(fd: number): string {
  const buffer = new Uint8Array(65536);
  const parts: Uint8Array[] = [];
  for (;;) {
    const got = Number(c.read(fd, buffer, buffer.length));
    if (got <= 0) break;
    parts.push(buffer.slice(0, got));
  }
  c.close(fd);
  return Buffer.concat(parts).toString();
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

/** A list of strings that ends with a null pointer, and what it points to. */
function pointers(values: readonly string[]): { list: BigUint64Array; kept: Uint8Array[] } {
  const kept = values.map(text);
  return { list: new BigUint64Array([...kept.map((each) => BigInt(ptr(each))), 0n]), kept };
}
