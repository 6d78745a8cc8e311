import { explain } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AttachmentKey } from "../node/contract.ts";
import { journalPath } from "../node/paths.ts";
import type { NodePaths } from "../settings.ts";
import { keyOf } from "./attachmentrecord.ts";
import { type JournalSeen, readJournal } from "./journal.ts";
import { lentNote } from "./lentnics.ts";
import { hadRecord, lostRecord } from "./recordmark.ts";
import type { Store } from "./store.ts";

export interface RecoverOptions {
  readonly paths: Pick<NodePaths, "runDir" | "stateDir">;
  readonly bootId: string;
  readonly now: () => number;
  readonly log: Log;
}

/**
 * Brings a record that has just been opened forward to the last commit of this boot, where it is behind the journal: an
 * older one was put back, its last commits were lost, or it was deleted. Throws when this boot had a record, this is not it
 * and no journal says what is missing: pods hold addresses that nobody knows of, and they would be given twice.
 */
export function recoverRecord(store: Store, options: RecoverOptions): void {
  const { paths, bootId, log } = options;
  const ours = store.meta("bootId") === bootId;
  let journal: JournalSeen | undefined;
  try {
    journal = readJournal(journalPath(paths), bootId);
  } catch (error) {
    // Nothing can be compared; a record of this boot is then believed, any other is not.
    log.warn("cannot read the journal of commits", { error: explain(error) });
  }
  if (!journal) {
    if (ours || !hadRecord(paths, bootId)) return;
    throw lostRecord(paths);
  }
  if (ours && store.sequence >= journal.sequence) return;
  replay(store, journal, options);
}

/** The journal is whole for this boot: what it does not list was detached, or died with the boot before. */
function replay(store: Store, journal: JournalSeen, { bootId, now, log }: RecoverOptions): void {
  const behind = journal.sequence - store.sequence;
  const entries = journal.replay();
  const wanted = new Map(entries.map((entry) => [stampOf(entry.attached), entry]));
  const counts = store.transaction(() => {
    const gone = store.records.list().filter((record) => !wanted.delete(stampOf(record)));
    for (const record of gone) store.records.remove(record, now());
    for (const { attached, lent } of wanted.values()) {
      store.records.insert(attached);
      store.graves.open(attached);
      for (const [name, json] of Object.entries(lent)) store.putObject(lentNote, name, json);
    }
    store.setMeta("bootId", bootId);
    store.sequence = journal.sequence;
    return { added: wanted.size, removed: gone.length };
  });
  log.warn("the record was older than this boot's last commits; brought it forward", {
    commits: behind,
    ...counts,
  });
}

/** A key that is attached anew is another attachment; a pod that moved to another namespace file is one too. */
function stampOf(record: AttachmentKey & { attachedAt: number; netns: string }): string {
  return JSON.stringify([keyOf(record), record.attachedAt, record.netns]);
}
