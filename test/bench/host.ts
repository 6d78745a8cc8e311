import { connectKube } from "../../src/lib/kube/connect.ts";
import { createNetns, deleteNetns } from "../../src/lib/linux/netns.ts";
import { type BurstResult, burst } from "./burst.ts";
import { type OwnNetwork, ownCall, referenceCall } from "./calls.ts";
import { peakMemory, type Ran, run } from "./process.ts";
import type { Samples } from "./samples.ts";

/** Runs on a host of the lab (its network, mount and PID namespaces): one JSON object on stdout. */

export interface HostResult {
  readonly version: { own: Samples; reference: Samples };
  readonly pairs: readonly PairResult[];
  /** Peak RSS of the CNI program during ADD, KiB, a value a run. */
  readonly peakKib: Samples;
  readonly bursts: readonly BurstResult[];
}

export interface PairResult {
  readonly nics: number;
  readonly add: { own: Samples; reference: Samples };
  readonly del: { own: Samples; reference: Samples };
}

interface Plan {
  readonly kubeconfig: string;
  readonly programs: string;
  readonly versionRuns: number;
  readonly pairRuns: number;
  readonly nics: readonly number[];
}

const warmUp = 3;
/** What a call sets off ends in this time: its mirror goes to an API server that here runs on the same processors. */
const quietMs = 150;

function succeed(ran: Ran): number {
  if (ran.code === 0) return ran.ms;
  throw new Error(`exit ${ran.code}: ${ran.out.trim()}`);
}

function versions(plan: Plan): HostResult["version"] {
  const env = { CNI_COMMAND: "VERSION", PATH: "/usr/bin:/bin" };
  const stdin = JSON.stringify({ cniVersion: "1.0.0" });
  const own: number[] = [];
  const reference: number[] = [];
  for (let i = -warmUp; i < plan.versionRuns; i++) {
    const ours = succeed(run({ argv: [`${plan.programs}/multi-nic`], env, stdin }));
    const theirs = succeed(run({ argv: [`${plan.programs}/macvlan`], env, stdin }));
    if (i < 0) continue;
    own.push(ours);
    reference.push(theirs);
  }
  return { own, reference };
}

/**
 * Ours with n NICs in one pod, then as many sequential reference ADDs in another, for each n in turn, and round again: so
 * every row meets the same states of the machine and of nicd. Fresh namespaces, made beforehand.
 */
function pairs(plan: Plan, network: OwnNetwork): PairResult[] {
  const rows = plan.nics.map((nics) => ({
    nics,
    add: { own: [] as number[], reference: [] as number[] },
    del: { own: [] as number[], reference: [] as number[] },
  }));
  using pods = namespaces("pair", 2 * (plan.pairRuns + warmUp) * rows.length);
  for (let i = -warmUp; i < plan.pairRuns; i++) {
    for (const { nics, add, del } of rows) {
      const [mine, theirs] = [pods.take(), pods.take()];
      const ours = (command: "ADD" | "DEL") =>
        succeed(run(ownCall(command, { network, nics, pod: mine })));
      const reference = (command: "ADD" | "DEL") =>
        Array.from({ length: nics }, (_, n) =>
          run(referenceCall(command, { programs: plan.programs, nic: n + 1, pod: theirs })),
        ).reduce((sum, ran) => sum + succeed(ran), 0);
      const times = [
        rested(() => ours("ADD")),
        rested(() => reference("ADD")),
        rested(() => ours("DEL")),
        rested(() => reference("DEL")),
      ] as const;
      if (i < 0) continue;
      add.own.push(times[0]);
      add.reference.push(times[1]);
      del.own.push(times[2]);
      del.reference.push(times[3]);
    }
  }
  return rows;
}

/** Times a call on a machine at rest, as both sides find it where pods come one by one. */
function rested(call: () => number): number {
  Bun.sleepSync(quietMs);
  return call();
}

function peaks(network: OwnNetwork, nics: number): Samples {
  using pods = namespaces("peak", 5);
  return Array.from({ length: 5 }, () => {
    const pod = pods.take();
    const { kib, ran } = peakMemory(ownCall("ADD", { network, nics, pod }));
    succeed(ran);
    succeed(run(ownCall("DEL", { network, nics, pod })));
    return kib;
  });
}

/** Namespaces made in advance and taken away at the end: the kernel's own clean-up shall not run beside what is timed. */
function namespaces(label: string, count: number): { take(): string; [Symbol.dispose](): void } {
  const paths = Array.from({ length: count }, (_, i) => `/run/netns/bench-${label}-${i}`);
  for (const path of paths) createNetns(path).close();
  const left = [...paths];
  return {
    take: () => {
      const path = left.shift();
      if (path === undefined) throw new Error("no namespace is left");
      return path;
    },
    [Symbol.dispose]() {
      for (const path of paths) deleteNetns(path);
    },
  };
}

/** All ADDs at once, without and with what Multus' daemon takes of the group's memory. */
function bursts(network: OwnNetwork, besides: readonly number[]): BurstResult[] {
  return besides.map((besideMi) => {
    using pods = namespaces(`burst${besideMi}`, 20);
    return burst({ network, nics: 2, pods: Array.from({ length: 20 }, pods.take), besideMi });
  });
}

async function definition(plan: Plan): Promise<OwnNetwork> {
  const kube = await connectKube({ kubeconfig: plan.kubeconfig });
  const nad = await kube.get("NetworkAttachmentDefinition", "lab", { namespace: "default" });
  return { programs: plan.programs, config: JSON.parse(nad?.spec?.config ?? "null") };
}

const plan: Plan = JSON.parse(process.argv[2] ?? "null");
const network = await definition(plan);
const result: HostResult = {
  version: versions(plan),
  pairs: pairs(plan, network),
  peakKib: peaks(network, 2),
  bursts: bursts(network, [0, 12]),
};
await Bun.write(Bun.stdout, JSON.stringify(result));
process.exit(0);
