import type { Ran } from "../diag/iperf.ts";
import { Failure } from "../errors.ts";

/** Runs a program to its end and returns what it printed; a program that cannot be started is a `Failure`. */
export async function run(
  command: readonly string[],
  options: {
    readonly stdin?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** A minute when left out, and no limit where a signal ends it. */
    readonly timeoutMs?: number;
    /** Ends the program early. */
    readonly signal?: AbortSignal;
  } = {},
): Promise<Ran> {
  const child = start(command, options);
  const end = () => child.kill("SIGKILL");
  const limit = options.timeoutMs ?? (options.signal ? undefined : 60_000);
  const timer = limit === undefined ? undefined : setTimeout(end, limit);
  options.signal?.addEventListener("abort", end, { once: true });
  try {
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, stdout, stderr };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", end);
  }
}

/** Runs a program that has to succeed and returns its stdout. */
export async function must(command: readonly string[], stdin?: string): Promise<string> {
  const ran = await run(command, stdin === undefined ? {} : { stdin });
  if (ran.code === 0) return ran.stdout;
  throw new Failure(`Cannot run ${command.join(" ")}`, {
    cause: new Failure(`exit ${ran.code}: ${(ran.stderr || ran.stdout).trim()}`),
  });
}

function start(
  command: readonly string[],
  options: { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> },
) {
  try {
    return Bun.spawn([...command], {
      stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
      stdout: "pipe",
      stderr: "pipe",
      ...(options.env ? { env: { ...options.env } } : {}),
    });
  } catch (error) {
    throw new Failure(`Cannot start ${command[0]}`, { cause: error });
  }
}
