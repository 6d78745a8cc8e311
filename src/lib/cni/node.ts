import { statSync } from "node:fs";
import { codeOf } from "../errors.ts";
import { findProgram, runProgram } from "../linux/exec.ts";
import { openNetns } from "../linux/netns.ts";
import { openKernel } from "../linux/rtnetlink.ts";
import type { Log } from "../log.ts";
import { NodeClient } from "../node/client.ts";
import { lockDir, socketPath, tombstoneDir } from "../node/paths.ts";
import { writeTombstone } from "../node/tombstone.ts";
import type { NodePaths } from "../settings.ts";
import type { CniDeps } from "./deps.ts";
import { takeSlot } from "./slots.ts";

/** Builds what the commands use of a real node. `waitMs` = how long a nicd that is restarting is waited for. */
export function nodeDeps(options: { paths: NodePaths; waitMs: number; log: Log }): CniDeps {
  const { paths, waitMs, log } = options;
  return {
    node: new NodeClient({ socket: socketPath(paths), waitMs, pauseMs: 20 }),
    bury: (key) => writeTombstone(tombstoneDir(paths), { key, at: Date.now() }),
    openKernel,
    openNetns,
    canFfi,
    identify: (path) => statSync(path, { bigint: true }),
    takeSlot: async () => takeSlot(lockDir(paths)),
    findPlugin: findProgram,
    runPlugin: runProgram,
    log,
  };
}

function canFfi(): boolean {
  try {
    openKernel().close();
    return true;
  } catch (error) {
    if (codeOf(error) === "NoFFI") return false;
    throw error;
  }
}
