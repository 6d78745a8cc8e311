import { readFileSync } from "node:fs";
import { explain, Failure } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AttachmentKey } from "../node/contract.ts";
import {
  type Attached,
  garbage,
  looksApartMs,
  type Proof,
  type SandboxLook,
} from "../plan/garbage.ts";
import type { AttachmentRecord } from "./attachmentrecord.ts";
import type { Attachments } from "./attachments.ts";
import { isAssigned } from "./lostaddresses.ts";
import { netnsState } from "./netnsstate.ts";

/** Lists the sandboxes that the node's container runtime has, in any state; throws when it cannot. */
export interface SandboxLister {
  list(signal?: AbortSignal): Promise<ReadonlySet<string>>;
}

export interface CollectorDeps {
  readonly attachments: Attachments;
  readonly log: Log;
  /** Milliseconds of a clock that nobody sets, since any moment. */
  readonly now: () => number;
  readonly bootId: string;
  /** Undefined = this node was given no CRI socket. */
  readonly sandboxes: SandboxLister | undefined;
  /** UIDs of the pods on this node; undefined while their list is not synced. */
  readonly podUids: () => ReadonlySet<string> | undefined;
  /** Takes back what a lost attachment has outside this node, before its addresses are free again. */
  readonly unassign?: (record: AttachmentRecord) => Promise<void>;
  /** Replaces /proc/self/mountinfo. */
  readonly mountinfo?: () => string;
}

/** Looks kept at most: as many as a look every 10 s makes in the time that a proof needs, and some. */
const maxLooks = 60;

/** How long addresses wait for a cloud that does not answer (ms): a pool must not run dry for its sake. */
const cloudWaitMs = 10 * 60_000;

/** Frees what is proven lost: DEL misses pods whose runtime died, or whose pod object was gone (src/README.md, decisions 4 and 5). */
export class Collector {
  readonly #deps: CollectorDeps;
  #looks: SandboxLook[] = [];
  /** Since when each attachment was there before a look, by our own clock: the recorded time is that of a clock that is set. */
  #since = new Map<string, number>();
  /** Since when the cloud has refused, by our own clock. */
  #refusedSince: number | undefined;

  constructor(deps: CollectorDeps) {
    this.#deps = deps;
  }

  /** Looks once and releases what is proven gone; returns the keys. A look that fails frees nothing and is said. */
  async collect(signal?: AbortSignal): Promise<AttachmentKey[]> {
    return this.release(await this.proofs(signal));
  }

  /** Looks once and returns what is proven gone now; releases nothing. */
  async proofs(signal?: AbortSignal): Promise<Proof<AttachmentKey>[]> {
    const { attachments, now, bootId, podUids, sandboxes, mountinfo } = this.#deps;
    // Only what was there before the CRI was asked can be missing in its answer.
    const before = attachments.list();
    const at = now();
    const since = new Map(
      before.map((one) => [oneText(one), this.#since.get(oneText(one)) ?? at - 1]),
    );
    this.#since = since;
    await this.#look(at, signal);
    const still = attachments.list().filter((one) => since.has(oneText(one)));
    const records = new Map(still.map((record) => [keyText(record), record]));
    const attached = still.map((one) => ({
      ...attachedOf(one),
      attachedAt: since.get(oneText(one)) ?? at,
    }));
    return garbage(attached, {
      bootId,
      sandboxes: sandboxes ? this.#looks : undefined,
      netns: ({ key }) => {
        const record = records.get(keyText(key));
        return record ? netnsState(record, mountinfo?.()) : "unknown";
      },
      podUids: podUids(),
    });
  }

  /** Releases what was just proven gone; returns the keys. What a cloud does not take back yet waits for the next look. */
  async release(proofs: readonly Proof<AttachmentKey>[]): Promise<AttachmentKey[]> {
    const { attachments, log } = this.#deps;
    const done: AttachmentKey[] = [];
    let cloudFails = false;
    for (const { key, proof } of proofs) {
      const record = attachments.find(key);
      if (record && isAssigned(record)) {
        // One refusal is enough for a look.
        cloudFails ||= !(await this.#unassigned(record));
        if (cloudFails || attachments.find(key)?.attachedAt !== record.attachedAt) continue;
      }
      const released = attachments.detach(key).released;
      log.info("released a lost attachment", { ...key, released, proof });
      done.push(key);
    }
    return done;
  }

  /** The next pod of an address would lose it, were it unassigned after its release. */
  async #unassigned(record: AttachmentRecord): Promise<boolean> {
    const { unassign, now, log } = this.#deps;
    if (!unassign) return true;
    const { network, containerID, ifname } = record;
    const key = { network, containerID, ifname };
    try {
      await unassign(record);
      this.#refusedSince = undefined;
      return true;
    } catch (error) {
      this.#refusedSince ??= now();
      const givenUp = now() - this.#refusedSince >= cloudWaitMs;
      log.warn("addresses of a lost attachment are still assigned", {
        ...key,
        givenUp,
        error: explain(error),
      });
      return givenUp;
    }
  }

  async #look(at: number, signal: AbortSignal | undefined): Promise<void> {
    const { sandboxes, log } = this.#deps;
    if (!sandboxes) return;
    try {
      const ids = await sandboxes.list(signal);
      // Looks from before a clock that went back would seem further apart than they are.
      const kept = this.#looks.filter((look) => look.at <= at);
      this.#looks = thin([...kept, { at, ids }]);
    } catch (error) {
      log.warn("cannot list the node's sandboxes; nothing is freed for want of proof", {
        error: explain(error),
      });
    }
  }
}

/**
 * Releases every attachment of an earlier boot: its namespaces went with the kernel. Run before serving. Those that a cloud
 * knows of are left to the collector: pods do not wait for a cloud.
 */
export function releaseOldBoots(
  attachments: Attachments,
  bootId: string,
  log: Log,
): AttachmentKey[] {
  const old = attachments
    .list()
    .filter((record) => record.bootId !== bootId && !isAssigned(record));
  for (const record of old) attachments.detach(record);
  if (old.length > 0)
    log.info("released attachments of an earlier boot", { count: old.length, bootId });
  return old.map(attachedOf).map(({ key }) => key);
}

/** Reads the kernel's boot id. */
export function readBootId(path = "/proc/sys/kernel/random/boot_id"): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new Failure(
      "Cannot read this boot's id, which says whose attachments died with the last one",
      {
        cause,
      },
    );
  }
  if (text === "") throw new Failure(`Cannot read this boot's id: ${path} is empty`);
  return text;
}

function attachedOf(record: AttachmentRecord): Omit<Attached<AttachmentKey>, "attachedAt"> {
  const { network, containerID, ifname, pod, bootId } = record;
  const key = { network, containerID, ifname };
  return { key, containerID, podUid: pod.uid, bootId };
}

/** Keeps the last looks; the oldest go first. */
function thin(looks: SandboxLook[]): SandboxLook[] {
  const span = (looks.at(-1)?.at ?? 0) - 10 * looksApartMs;
  return looks.filter((look) => look.at >= span).slice(-maxLooks);
}

/** A key that is attached anew is another attachment. */
function oneText(record: AttachmentRecord): string {
  return `${record.attachedAt} ${keyText(record)}`;
}

function keyText(key: AttachmentKey): string {
  return JSON.stringify([key.network, key.containerID, key.ifname]);
}
