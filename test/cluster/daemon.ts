import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { searchPath } from "../../src/lib/settings.ts";

/** A process of the cluster that runs until it is stopped. */
export interface Daemon {
  readonly name: string;
  /** File of what it prints. */
  readonly log: string;
  readonly child: Bun.Subprocess;
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
}

/**
 * Starts a process whose output goes to `<folder>/<name>.log`. It dies with this process, however that dies, as long as
 * what it executes does not fork (prctl(2), PR_SET_PDEATHSIG). Its session is its own: a Ctrl-C ends us first.
 */
export function startDaemon(folder: string, name: string, command: readonly string[]): Daemon {
  const log = join(folder, `${name}.log`);
  const file = openSync(log, "a");
  // Proxies and credentials of the caller's environment are none of the cluster's business.
  const env = { PATH: searchPath(), LANG: "C.UTF-8", HOME: folder };
  const child = Bun.spawn(["setsid", "setpriv", "--pdeathsig", "KILL", ...command], {
    cwd: folder,
    env,
    stdin: "ignore",
    stdout: file,
    stderr: file,
  });
  closeSync(file);
  return {
    name,
    log,
    child,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      await child.exited;
    },
  };
}

/** Returns the last lines that a daemon printed. */
export function lastWords({ name, log }: Daemon, lines = 20): string {
  return `${name} said last:\n${readFileSync(log, "utf8").split("\n").slice(-lines).join("\n")}`;
}

/** Waits until `look` says true; a daemon that ended, or the patience's end, is an error with its log. */
export async function waitFor(
  what: string,
  look: () => Promise<boolean>,
  of: { readonly daemons: readonly Daemon[]; readonly patienceMs?: number },
): Promise<void> {
  const deadline = Date.now() + (of.patienceMs ?? 60_000);
  for (;;) {
    if (await look().catch(() => false)) return;
    const ended = of.daemons.find(({ child }) => child.exitCode !== null);
    if (ended || Date.now() > deadline) {
      const daemon = ended ?? of.daemons.at(-1);
      throw new Error(`No ${what}; ${daemon ? lastWords(daemon) : "nothing runs"}`);
    }
    await Bun.sleep(100);
  }
}
