import { faultPoint } from "../faultpoint.ts";
import type { Log } from "../log.ts";
import type { AttachmentKey } from "../node/contract.ts";
import { databasePath, tombstoneDir } from "../node/paths.ts";
import type { NodePaths } from "../settings.ts";
import { Attachments } from "./attachments.ts";
import { releaseOldBoots } from "./collector.ts";
import { markRecord, refuseLostRecord } from "./recordmark.ts";
import { replayTombstones } from "./replay.ts";
import { openStore, type Store } from "./store.ts";
import { StoredView } from "./view.ts";

/** The node's durable record, ready to serve once discovery has filled the view's NICs. */
export interface NodeRecord {
  readonly store: Store;
  readonly view: StoredView;
  readonly attachments: Attachments;
  /** What the last boot left behind; released already. */
  readonly released: readonly AttachmentKey[];
}

/**
 * Opens the record and brings it up to date, in the order that is safe: attachments of an earlier boot go, then the
 * detaches that were left while nicd was away are taken. Serve only after this. `node` = this node's name.
 */
export function openNodeRecord(options: {
  paths: Pick<NodePaths, "runDir" | "stateDir">;
  node: string;
  bootId: string;
  now: () => number;
  log: Log;
}): NodeRecord {
  const { paths, node, bootId, now, log } = options;
  const store = openStore(databasePath(paths));
  try {
    refuseLostRecord(paths, { bootId, used: store.meta("bootId") !== undefined });
  } catch (error) {
    store.close();
    throw error;
  }
  const view = new StoredView(store, node);
  const attachments = new Attachments({ store, view, log, now, bootId });
  faultPoint("nicd.start.opened");
  const released = releaseOldBoots(attachments, bootId, log);
  faultPoint("nicd.start.released");
  store.setMeta("bootId", bootId);
  markRecord(paths, bootId);
  replayTombstones(tombstoneDir(paths), attachments, log);
  faultPoint("nicd.start.replayed");
  return { store, view, attachments, released };
}
