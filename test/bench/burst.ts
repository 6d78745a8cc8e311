import { rmSync } from "node:fs";
import { type OwnNetwork, ownCall } from "./calls.ts";
import { limited } from "./cgroup.ts";
import { type Program, run, start } from "./process.ts";

/** Many ADDs at once in the container of Multus' thick daemon, whose plugins run in its own group. */
export interface BurstResult {
  /** MiB of the group's memory that are taken all the while, as by Multus' daemon beside its plugins. */
  readonly besideMi: number;
  readonly asked: number;
  readonly succeeded: number;
  readonly peakMi: number;
  readonly oomKills: number;
  /** From the first start to the last end. */
  readonly seconds: number;
  readonly cpuMs: number;
  /** What the first one that failed said. */
  readonly failure: string;
}

/** The stock limits of Multus' thick DaemonSet. */
const multus = { memoryMi: 50, milliCpu: 100 } as const;

/** Fills so much of the group's memory with what cannot be reclaimed (a file on a tmpfs, as long as nothing swaps). */
function holdMemory(within: (program: Program) => Program, mi: number): Disposable {
  const file = "/run/bench-held";
  const argv = ["/bin/sh", "-c", `head -c ${mi}M /dev/zero > ${file}`] as const;
  const { code } = run(within({ argv, env: { PATH: "/usr/bin:/bin" }, stdin: "" }));
  if (code !== 0) throw new Error(`cannot hold ${mi} MiB: exit ${code}`);
  return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
}

/** Calls ADD for all pods at once and takes them down again. */
export function burst(of: {
  network: OwnNetwork;
  nics: number;
  pods: readonly string[];
  besideMi: number;
}): BurstResult {
  const { network, nics, pods, besideMi } = of;
  // Not by pid: the lab has pids of its own, and a bench that was killed leaves its group.
  using group = limited(`multinic-bench-${crypto.randomUUID()}`, multus);
  const within = (program: Program): Program => ({
    ...program,
    argv: [
      "/bin/sh",
      "-c",
      `for door in ${group.doors.join(" ")}; do echo 0 > $door || exit 99; done; exec "$@"`,
      "sh",
      ...program.argv,
    ],
  });
  using _beside = besideMi > 0 ? holdMemory(within, besideMi) : undefined;
  const began = Bun.nanoseconds();
  const running = pods.map((pod) => start(within(ownCall("ADD", { network, nics, pod }))));
  const ran = running.map((each) => each.done());
  const seconds = (Bun.nanoseconds() - began) / 1e9;
  const failed = ran.find(({ code }) => code !== 0);
  const result = {
    besideMi,
    asked: pods.length,
    succeeded: ran.filter(({ code }) => code === 0).length,
    peakMi: group.peakBytes() / 1024 / 1024,
    oomKills: group.oomKills(),
    seconds,
    cpuMs: group.cpuMs(),
    failure: failed ? `exit ${failed.code} ${failed.out.trim()}` : "",
  };
  for (const pod of pods) run(ownCall("DEL", { network, nics, pod }));
  return result;
}
