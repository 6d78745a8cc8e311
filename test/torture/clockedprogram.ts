import { chmodSync, existsSync, writeFileSync } from "node:fs";
import type { RunningHost } from "../../src/lib/lab/hosts.ts";
import { program } from "./labinside.ts";

/** Debian's libfaketime: it moves the time of day of a process, and leaves its monotonic clock alone. */
const library = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/faketime/libfaketimeMT.so.1`;
/** Holds how far a host's clock is off, as faketime(1) reads it: "-3600", "+86400". */
const clockFile = "/etc/multinic-test-clock";

/** Writes a program that stands for multinic on the lab's hosts and runs it by the host's own clock. */
export function clockedProgram(path: string): string {
  if (!existsSync(library)) throw new Error(`${library} is missing: install faketime`);
  writeFileSync(
    path,
    `#!/bin/bash
if [ -e ${clockFile} ]; then
  export LD_PRELOAD=${library} FAKETIME=$(cat ${clockFile}) FAKETIME_DONT_FAKE_MONOTONIC=1
fi
exec -a "$0" ${program} "$@"
`,
  );
  chmodSync(path, 0o755);
  return path;
}

/** Moves the clock of what is started on a host from now on, by seconds from the true time. */
export async function setClock(host: RunningHost, seconds: number): Promise<void> {
  const text = `${seconds < 0 ? "" : "+"}${seconds}`;
  const { code, stderr } = await host.exec(["sh", "-c", `echo '${text}' > ${clockFile}`]);
  if (code !== 0) throw new Error(`Cannot set the clock of ${host.host.name}: ${stderr}`);
}
