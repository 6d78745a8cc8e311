import { close, open, readFile } from "./libc.ts";

/** How the kernel shows times to programs (USER_HZ): on every architecture that we are built for. */
const ticksPerSecond = 100;

/**
 * Reads for how long this process has been there, in ms. It goes on from one program to the next that the process
 * becomes (execve), unlike the runtime's own clock. Code `NoFFI` where FFI is not possible.
 */
export function processAgeMs(): number {
  return ageMs(read("/proc/self/stat"), read("/proc/uptime"));
}

/** Computes the age from proc_pid_stat(5), field 22, and proc_uptime(5); both count from the start of the machine. */
export function ageMs(stat: string, uptime: string): number {
  // The name, field 2, may hold blanks and brackets of its own.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const started = (Number(fields[22 - 3]) * 1000) / ticksPerSecond;
  return Math.max(0, Number.parseFloat(uptime) * 1000 - started);
}

function read(path: string): string {
  const fd = open(path);
  try {
    const buffer = new Uint8Array(1024);
    return new TextDecoder().decode(buffer.subarray(0, readFile(fd, buffer)));
  } finally {
    close(fd);
  }
}
