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
import { netnsState } from "./netnsstate.ts";

/** Lists the sandboxes that the node's container runtime has, in any state; throws when it cannot. */
export interface SandboxLister {
  list(signal?: AbortSignal): Promise<ReadonlySet<string>>;
}

export interface CollectorDeps {
  readonly attachments: Attachments;
  readonly log: Log;
  readonly now: () => number;
  readonly bootId: string;
  /** Undefined = this node was given no CRI socket. */
  readonly sandboxes: SandboxLister | undefined;
  /** UIDs of the pods on this node; undefined while their list is not synced. */
  readonly podUids: () => ReadonlySet<string> | undefined;
  /** Replaces /proc/self/mountinfo. */
  readonly mountinfo?: () => string;
}

/** Looks kept at most: as many as a look every 10 s makes in the time that a proof needs, and some. */
const maxLooks = 60;

/** Frees what is proven lost: DEL misses pods whose runtime died, or whose pod object was gone (src/README.md, decisions 4 and 5). */
export class Collector {
  readonly #deps: CollectorDeps;
  #looks: SandboxLook[] = [];

  constructor(deps: CollectorDeps) {
    this.#deps = deps;
  }

  /** Looks once and releases what is proven gone; returns the keys. A look that fails frees nothing and is said. */
  async collect(signal?: AbortSignal): Promise<AttachmentKey[]> {
    return this.release(await this.proofs(signal));
  }

  /** Looks once and returns what is proven gone now; releases nothing. */
  async proofs(signal?: AbortSignal): Promise<Proof<AttachmentKey>[]> {
    await this.#look(signal);
    const { attachments, bootId, podUids, sandboxes, mountinfo } = this.#deps;
    const records = new Map(attachments.list().map((record) => [keyText(record), record]));
    return garbage([...records.values()].map(attachedOf), {
      bootId,
      sandboxes: sandboxes ? this.#looks : undefined,
      netns: ({ key }) => {
        const record = records.get(keyText(key));
        return record ? netnsState(record, mountinfo?.()) : "unknown";
      },
      podUids: podUids(),
    });
  }

  /** Releases what was just proven gone; returns the keys. */
  release(proofs: readonly Proof<AttachmentKey>[]): AttachmentKey[] {
    const { attachments, log } = this.#deps;
    for (const { key, proof } of proofs) {
      const released = attachments.detach(key).released;
      log.info("released a lost attachment", { ...key, released, proof });
    }
    return proofs.map(({ key }) => key);
  }

  async #look(signal: AbortSignal | undefined): Promise<void> {
    const { sandboxes, now, log } = this.#deps;
    if (!sandboxes) return;
    const at = now();
    try {
      const ids = await sandboxes.list(signal);
      // A clock that was set back would make looks seem further apart than they are.
      const kept = this.#looks.filter((look) => look.at <= at);
      this.#looks = thin([...kept, { at, ids }]);
    } catch (error) {
      log.warn("cannot list the node's sandboxes; nothing is freed for want of proof", {
        error: explain(error),
      });
    }
  }
}

/** Releases every attachment of an earlier boot: its namespaces went with the kernel. Run before serving. */
export function releaseOldBoots(
  attachments: Attachments,
  bootId: string,
  log: Log,
): AttachmentKey[] {
  const old = attachments.list().filter((record) => record.bootId !== bootId);
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

function attachedOf(record: AttachmentRecord): Attached<AttachmentKey> {
  const { network, containerID, ifname, pod, bootId, attachedAt } = record;
  const key = { network, containerID, ifname };
  return { key, containerID, podUid: pod.uid, bootId, attachedAt };
}

/** Keeps the last looks; the oldest go first. */
function thin(looks: SandboxLook[]): SandboxLook[] {
  const span = (looks.at(-1)?.at ?? 0) - 10 * looksApartMs;
  return looks.filter((look) => look.at >= span).slice(-maxLooks);
}

function keyText(key: AttachmentKey): string {
  return JSON.stringify([key.network, key.containerID, key.ifname]);
}
