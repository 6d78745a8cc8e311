import { faultPoint } from "../faultpoint.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { Log } from "../log.ts";
import type { AttachmentKey } from "../node/contract.ts";
import { databasePath, journalPath, tombstoneDirs } from "../node/paths.ts";
import { holdsTombstone, removeTombstone, tombstoneFile } from "../node/tombstone.ts";
import type { NodePaths } from "../settings.ts";
import { Attachments } from "./attachments.ts";
import { releaseOldBoots } from "./collector.ts";
import { Journal } from "./journal.ts";
import { LentNics } from "./lentnics.ts";
import { takeFolder } from "./ownfolder.ts";
import { markRecord } from "./recordmark.ts";
import { recordTrouble } from "./recordtrouble.ts";
import { recoverRecord } from "./recover.ts";
import { replayTombstones } from "./replay.ts";
import { openStore, type Store } from "./store.ts";
import { StoredView } from "./view.ts";

/** The node's durable record, ready to serve once discovery has filled the view's NICs. */
export interface NodeRecord {
  readonly store: Store;
  readonly view: StoredView;
  readonly attachments: Attachments;
  readonly lent: LentNics | undefined;
  /** Closes what is open. */
  close(): void;
  /** What the last boot left behind; released already. */
  readonly released: readonly AttachmentKey[];
}

export interface RecordOptions {
  readonly paths: Pick<NodePaths, "runDir" | "stateDir">;
  readonly node: string;
  readonly bootId: string;
  readonly now: () => number;
  readonly log: Log;
  /** The host's links, for NICs that plugins move into pods; undefined = nobody looks after them. */
  readonly host?: { readonly kernel: Kernel; readonly sysRoot: string };
}

/**
 * Opens the record and brings it up to date, in the order that is safe: what it lacks of this boot is taken from the
 * journal, attachments of an earlier boot go, then the detaches that were left while nicd was away are taken. Serve only after this. `node` = this node's name.
 */
export function openNodeRecord(options: RecordOptions): NodeRecord {
  const { paths } = options;
  takeFolder(paths.runDir);
  takeFolder(paths.stateDir);
  const store = openStore(databasePath(paths));
  try {
    recoverRecord(store, options);
    return bringUpToDate(store, options);
  } catch (error) {
    store.close();
    throw recordTrouble(error) ?? error;
  }
}

function bringUpToDate(store: Store, options: RecordOptions): NodeRecord {
  const { paths, node, bootId, now, log } = options;
  const view = new StoredView(store, node);
  const folders = tombstoneDirs(paths);
  const leftBehind = {
    holds: (key: AttachmentKey) => folders.some((folder) => holdsTombstone(folder, key)),
    remove(key: AttachmentKey) {
      for (const folder of folders) removeTombstone(tombstoneFile(folder, key));
    },
  };
  const lent = options.host && new LentNics({ ...options.host, store, log });
  const journal = new Journal({
    file: journalPath(paths),
    bootId,
    log,
    records: () => store.records.list(),
    notes: (record) => lent?.notesOf(record) ?? {},
    sequence: () => store.sequence,
  });
  const attachments = new Attachments({ store, view, log, now, bootId, leftBehind, lent, journal });
  faultPoint("nicd.start.opened");
  const released = releaseOldBoots(attachments, bootId, log);
  faultPoint("nicd.start.released");
  // Nothing is written where nothing has changed: a node whose disk is full starts all the same.
  if (store.meta("bootId") !== bootId) store.setMeta("bootId", bootId);
  markRecord(paths, bootId);
  for (const folder of folders) replayTombstones(folder, attachments, log);
  faultPoint("nicd.start.replayed");
  // What came back while nicd was away.
  lent?.restore();
  journal.begin();
  const close = () => {
    journal.close();
    store.close();
  };
  return { store, view, attachments, lent, released, close };
}
