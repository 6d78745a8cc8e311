import type { NodePaths } from "../settings.ts";

/** Returns the socket that nicd serves on and the CNI program calls. */
export function socketPath(paths: Pick<NodePaths, "runDir">): string {
  return `${paths.runDir}/nicd.sock`;
}

/** Returns the SQLite file of the node's durable record; SQLite adds `-wal` and `-shm` beside it. */
export function databasePath(paths: Pick<NodePaths, "stateDir">): string {
  return `${paths.stateDir}/state.db`;
}

/** Returns the file in which nicd writes every commit once more; a reboot takes it, and ends every attachment. */
export function journalPath(paths: Pick<NodePaths, "runDir">): string {
  return `${paths.runDir}/journal`;
}

/** Returns the folder where the CNI program leaves the detaches that nicd was not there to take. */
export function tombstoneDir(paths: Pick<NodePaths, "stateDir">): string {
  return `${paths.stateDir}/tombstones`;
}

/** Returns the folder of notes on RDMA devices that are in pods. */
export function rdmaDir(paths: Pick<NodePaths, "runDir">): string {
  return `${paths.runDir}/rdma`;
}

/** Returns the folder of the attachments that CNI programs are making right now. */
export function underWayDir(paths: Pick<NodePaths, "runDir">): string {
  return `${paths.runDir}/adding`;
}

/**
 * Returns every folder that may hold such detaches: beside the record, and below /run for when that disk is full or read-only
 * (a reboot empties it, and ends every attachment).
 */
export function tombstoneDirs(paths: Pick<NodePaths, "runDir" | "stateDir">): string[] {
  return [tombstoneDir(paths), `${paths.runDir}/tombstones`];
}

/** Returns the folder of the per-node locks that bound how many CNI processes do kernel work at once. */
export function lockDir(paths: Pick<NodePaths, "runDir">): string {
  return `${paths.runDir}/locks`;
}
