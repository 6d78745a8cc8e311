import { type HeldNic, movingTypes } from "../plan/heldnics.ts";
import type { AttachmentRecord } from "./attachmentrecord.ts";
import type { Records } from "./records.ts";

/** What the attachments of one key hold. */
interface Hold {
  readonly held: readonly HeldNic[];
  readonly promised: readonly (readonly [master: string, kbps: number])[];
}

/** Which NICs and functions are in pods, and what bandwidth is promised on each master; in memory, read from the records when in doubt. */
export class NicHolds {
  readonly #records: Records;
  #holds: Map<string, Hold> | undefined;

  constructor(records: Records) {
    this.#records = records;
  }

  held(): HeldNic[] {
    return [...this.#read().values()].flatMap((hold) => hold.held);
  }

  /** Returns promised kbit/s by master. */
  promised(): Map<string, number> {
    const sums = new Map<string, number>();
    for (const { promised } of this.#read().values()) {
      for (const [master, kbps] of promised) sums.set(master, (sums.get(master) ?? 0) + kbps);
    }
    return sums;
  }

  /** Counts an attachment that has just been recorded; what was not read yet will be read with it. */
  add(record: AttachmentRecord): void {
    const hold = holdOf(record);
    if (hold) this.#holds?.set(keyOf(record), hold);
  }

  /** Takes a released attachment off. */
  remove(record: AttachmentRecord): void {
    this.#holds?.delete(keyOf(record));
  }

  /** Drops what is in memory: the next use reads the records again. */
  forget(): void {
    this.#holds = undefined;
  }

  #read(): Map<string, Hold> {
    if (this.#holds) return this.#holds;
    this.#holds = new Map();
    for (const record of this.#records.list()) this.add(record);
    return this.#holds;
  }
}

function holdOf(record: AttachmentRecord): Hold | undefined {
  const { network, pod } = record;
  const held = movingTypes.has(record.pluginType)
    ? record.interfaces.map(({ master, pciAddress }) => ({
        master,
        pciAddress,
        network,
        pod: `${pod.namespace}/${pod.name}`,
      }))
    : [];
  const promised = record.interfaces.flatMap(({ master, promisedKbps = 0 }) =>
    promisedKbps > 0 ? [[master, promisedKbps] as const] : [],
  );
  return held.length + promised.length > 0 ? { held, promised } : undefined;
}

function keyOf({ network, containerID, ifname }: AttachmentRecord): string {
  return JSON.stringify([network, containerID, ifname]);
}
