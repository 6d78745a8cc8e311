import { type HeldNic, movingTypes } from "../plan/choice-heldnics.ts";
import type { AttachmentRecord } from "./attachmentrecord.ts";
import type { Records } from "./records.ts";

/** Whose attachment it is. */
export interface Holder {
  readonly podUID: string;
  readonly containerID: string;
}

/** What one attachment holds. */
interface Hold extends Holder {
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

  /** `besides` as in `#others`. */
  held(besides?: Holder): HeldNic[] {
    return this.#others(besides).flatMap((hold) => hold.held);
  }

  /** Returns promised kbit/s by master. */
  promised(besides?: Holder): Map<string, number> {
    const sums = new Map<string, number>();
    for (const { promised } of this.#others(besides)) {
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

  /**
   * What all hold but an earlier sandbox of the same pod: the kubelet keeps a pod's devices through all its sandboxes, of which
   * one lives at a time, and the DEL of an old one may come after the ADD of the new one.
   */
  #others(besides: Holder | undefined): Hold[] {
    const all = [...this.#read().values()];
    if (!besides || besides.podUID === "") return all;
    const { podUID, containerID } = besides;
    return all.filter((hold) => hold.podUID !== podUID || hold.containerID === containerID);
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
  if (held.length + promised.length === 0) return undefined;
  return { podUID: pod.uid, containerID: record.containerID, held, promised };
}

function keyOf({ network, containerID, ifname }: AttachmentRecord): string {
  return JSON.stringify([network, containerID, ifname]);
}
