import type { MasterUse } from "../plan/choice-masteruse.ts";
import type { AttachmentRecord } from "./attachmentrecord.ts";
import type { Records } from "./records.ts";

/** How many attachments use each master, by network, type and mode; counted in memory, read from the records when in doubt. */
export class MasterUses {
  readonly #records: Records;
  #counts: Map<string, { use: MasterUse; links: number }> | undefined;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Returns one row per master, network, type and mode in use. */
  list(): MasterUse[] {
    return [...this.#read().values()].map(({ use }) => use);
  }

  /** Counts an attachment that has just been recorded; what was not read yet will be read with it. */
  add(record: AttachmentRecord): void {
    const counts = this.#counts;
    if (!counts) return;
    for (const use of usesOf(record)) {
      const key = JSON.stringify(use);
      counts.set(key, { use, links: (counts.get(key)?.links ?? 0) + 1 });
    }
  }

  /** Takes a released attachment off. */
  remove(record: AttachmentRecord): void {
    const counts = this.#counts;
    if (!counts) return;
    for (const use of usesOf(record)) {
      const key = JSON.stringify(use);
      const links = (counts.get(key)?.links ?? 0) - 1;
      if (links > 0) counts.set(key, { use, links });
      else counts.delete(key);
    }
  }

  /** Drops what is in memory: the next use reads the records again. */
  forget(): void {
    this.#counts = undefined;
  }

  #read(): Map<string, { use: MasterUse; links: number }> {
    this.#counts ??= new Map(
      this.#records.masterUses().map(({ links, ...use }) => [JSON.stringify(use), { use, links }]),
    );
    return this.#counts;
  }
}

function usesOf(record: AttachmentRecord): MasterUse[] {
  const { network, pluginType, mode } = record;
  return record.interfaces.map(({ master }) => ({ master, network, pluginType, mode }));
}
