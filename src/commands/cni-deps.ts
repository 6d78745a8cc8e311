import type { CniDeps } from "../lib/cni/deps.ts";
import type { Command } from "../lib/cni/invocation.ts";
import { nodeDeps } from "../lib/cni/node.ts";
import type { Slot } from "../lib/cni/slots.ts";
import { processAgeMs } from "../lib/linux/processage.ts";
import { createLog } from "../lib/log.ts";
import { debugTopics, nodePaths, nodeWaitMs } from "../lib/settings.ts";
import type { Io } from "./verb.ts";

/** A pod that starts waits for a nicd that is restarting; one that goes leaves a tombstone instead. Milliseconds. */
const waits: Record<Command, number> = {
  ADD: 20_000,
  CHECK: 5_000,
  DEL: 500,
  GC: 5_000,
  STATUS: 500,
  VERSION: 0,
};

/** Builds what a CNI program uses of this node; logs go to stderr, warnings only unless `MULTINIC_DEBUG=cni`. */
export function cniDeps(command: Command, slot: Slot, io: Io): Promise<CniDeps> {
  const level = debugTopics().has("cni") ? "debug" : "warn";
  const log = createLog({ level: () => level, write: io.err }, { command });
  // The time spent in the queue for a place counts: the caller has been waiting since the process began.
  const left = Math.max(0, waits[command] - ageMs(slot));
  return nodeDeps({ paths: nodePaths(), waitMs: nodeWaitMs() ?? left, slot, log });
}

/** The runtime's clock starts anew when flock(1) becomes us again. */
function ageMs(slot: Slot): number {
  return slot.waited() ? processAgeMs() : Bun.nanoseconds() / 1e6;
}
