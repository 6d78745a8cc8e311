import type { Clock } from "../kube/clock.ts";
import type { Controller } from "../kube/controller.ts";
import { createQueue } from "../kube/queue.ts";
import type { Log } from "../log.ts";
import type { Attachments } from "./attachments.ts";
import type { Collector } from "./collector.ts";
import { longestBackoffMs } from "./publishpools.ts";
import { rateIntervalMs } from "./rates.ts";
import { replayTombstones } from "./replay.ts";

export interface LocalWorkDeps {
  readonly attachments: Attachments;
  readonly collector: Pick<Collector, "collect">;
  /** Folders of the detaches that were left while nicd was away. */
  readonly tombstones: readonly string[];
  /** Reads the NICs' counters, at most once a minute. */
  readonly measure: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

type Task = "collect" | "rates";

const collectMs = 10_000;

/**
 * Makes the controller of what needs this host alone: tombstones, lost attachments, the NICs' rates. It has no source, for
 * addresses must come back while the API server is away; the one proof that needs the list of pods waits for it by itself.
 */
export function localWork(deps: LocalWorkDeps): Controller {
  const { attachments, collector, tombstones, measure, clock, log } = deps;
  const queue = createQueue({ maxMs: longestBackoffMs, clock });
  const tasks: Record<Task, () => Promise<number>> = {
    collect: async () => {
      for (const folder of tombstones) replayTombstones(folder, attachments, log);
      await collector.collect();
      return collectMs;
    },
    rates: async () => {
      measure();
      return rateIntervalMs;
    },
  };
  for (const task of Object.keys(tasks)) queue.add(task);
  return {
    name: "host",
    log,
    queue,
    // A runtime that hangs holds up nothing but its own proofs.
    workers: 2,
    reconcile: async (key) => ({ after: await tasks[key as Task]() }),
  };
}
