import { codeOf, explain } from "../errors.ts";
import type { Netns } from "./kernel.ts";
import { close, O_WRONLY, open, writeFile } from "./libc.ts";
import { inside } from "./netns.ts";

/** One kernel setting by its path under /proc/sys, `net/ipv6/conf/net1-0/accept_ra`. */
export interface Sysctl {
  readonly name: string;
  readonly value: number;
}

/** A setting that did not take; code ENOENT where this kernel has none of that name. */
export interface SysctlFailure extends Sysctl {
  readonly code: string | undefined;
  readonly why: string;
}

/** Writes settings of a network namespace, from inside: /proc/sys/net is that of the thread's own. Returns what did not take. */
export function setSysctls(netns: Netns, wanted: readonly Sysctl[]): SysctlFailure[] {
  const failures: SysctlFailure[] = [];
  if (wanted.length === 0) return failures;
  inside(netns, () => {
    for (const one of wanted) {
      try {
        write(`/proc/sys/${one.name}`, one.value);
      } catch (error) {
        failures.push({ ...one, code: codeOf(error), why: explain(error) });
      }
    }
  });
  return failures;
}

function write(path: string, value: number): void {
  const fd = open(path, O_WRONLY);
  try {
    writeFile(fd, new TextEncoder().encode(String(value)));
  } finally {
    close(fd);
  }
}
