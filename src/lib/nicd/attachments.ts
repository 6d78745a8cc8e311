import type { Allocation } from "../api/kinds.ts";
import { explain, Failure } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { Log } from "../log.ts";
import {
  type AttachmentKey,
  type AttachReply,
  type AttachRequest,
  type CheckReply,
  type DetachReply,
  faultCode,
  type GcReply,
  type GcRequest,
} from "../node/contract.ts";
import type { Selection } from "../plan/choice-selection.ts";
import { Addressing, poolsFrom } from "./addressing.ts";
import {
  type AttachmentRecord,
  addressesOf,
  describeKey,
  keyOf,
  replyOf,
} from "./attachmentrecord.ts";
import { type ChoiceSources, choosable, chooseNics, type Wish } from "./choice.ts";
import type { Journal } from "./journal.ts";
import type { LentNics } from "./lentnics.ts";
import { MasterUses } from "./masteruses.ts";
import { NicHolds } from "./nicholds.ts";
import type { PodHardware } from "./podhardware.ts";
import type { Store } from "./store.ts";
import type { NodeView } from "./view.ts";

export interface AttachmentDeps {
  readonly store: Store;
  readonly view: NodeView;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Content of /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
  /** Detaches that were left while nicd was away and are not taken yet. */
  readonly leftBehind?: LeftBehind;
  /** Remembers what NICs were that plugins move into pods; undefined = nobody can see the host's links. */
  readonly lent?: LentNics | undefined;
  /** Told of each commit before it is answered. */
  readonly journal?: Journal | undefined;
}

/** The tombstones of single keys. */
export interface LeftBehind {
  holds(key: AttachmentKey): boolean;
  remove(key: AttachmentKey): void;
}

/**
 * Who holds which NICs and addresses on this node. Each call is one SQLite transaction and returns after its commit;
 * nothing in it waits, so calls cannot interleave.
 */
export class Attachments {
  readonly #deps: AttachmentDeps;
  readonly #addressing: Addressing;
  readonly #uses: MasterUses;
  readonly #holds: NicHolds;
  readonly #listeners = new Set<(network: string) => void>();

  constructor(deps: AttachmentDeps) {
    this.#deps = deps;
    this.#addressing = new Addressing(deps.store.records);
    this.#uses = new MasterUses(deps.store.records);
    this.#holds = new NicHolds(deps.store.records);
  }

  /**
   * Chooses NICs, takes their addresses and records it, all or nothing. A key that is attached gets its recorded answer
   * again. `hardware` = the pod's devices, where the choice depends on them. Throws a `Failure` whose code is a `faultCode` as
   * text.
   */
  attach(request: AttachRequest, hardware?: PodHardware): AttachReply {
    const { store, now, leftBehind } = this.#deps;
    // A DEL that is still to be taken came before this ADD, whatever the clock has said meanwhile.
    if (leftBehind?.holds(request)) {
      this.detach(request);
      leftBehind.remove(request);
    }
    const kept = store.records.find(request);
    if (kept) {
      this.#follow(kept, request);
      return { ...replyOf(kept), repeated: true };
    }
    store.refuseLost();
    const at = now();
    if (store.graves.holds(request, at)) {
      throw new Failure(
        `Cannot attach ${describeKey(request)}: it was detached before it was attached; a new sandbox gets a new container ID`,
        { code: String(faultCode.buried) },
      );
    }
    faultPoint("nicd.attach.begin");
    const record = this.#heard(request, at, () =>
      this.#commit(() => {
        const made = this.#make(request, { at, hardware });
        store.records.insert(made);
        this.#deps.lent?.lend(made);
        store.graves.open(request);
        faultPoint("nicd.attach.uncommitted");
        return made;
      }),
    );
    faultPoint("nicd.attach.committed");
    this.#deps.journal?.attached(store.sequence, record);
    this.#uses.add(record);
    this.#holds.add(record);
    this.#changed(request.network);
    return replyOf(record);
  }

  /** Releases a key's addresses. An unknown key is success too, and its late attach will be refused for 15 min. */
  detach(key: AttachmentKey): DetachReply {
    return { released: this.#release(key)?.interfaces.flatMap(addressesOf) ?? [] };
  }

  /** Returns what is recorded for a key; throws code 3 when nothing is. */
  check(key: AttachmentKey): CheckReply {
    const record = this.#deps.store.records.find(key);
    if (record) return { ...replyOf(record), netns: record.netns };
    throw new Failure(`No attachment is recorded for ${describeKey(key)}`, {
      code: String(faultCode.unknownContainer),
    });
  }

  /** Releases every attachment of a network that the runtime does not call valid. */
  gc(request: GcRequest): GcReply {
    const valid = new Set(request.valid.map((key) => `${key.containerID} ${key.ifname}`));
    const released: AttachmentKey[] = [];
    for (const record of this.#deps.store.records.list(request.network)) {
      if (valid.has(`${record.containerID} ${record.ifname}`)) continue;
      this.#release(record);
      released.push(keyOf(record));
      this.#deps.log.info("released by CNI GC", { ...keyOf(record), pod: record.pod });
    }
    return { released };
  }

  /** Chooses NICs as an attach without wishes would, for STATUS; changes nothing. */
  preview(request: Pick<AttachRequest, "network" | "ref">): Selection {
    return choosable(request, this.#sources(undefined));
  }

  /** Chooses NICs as an attach of this wish would now; changes nothing and throws what `attach` throws. */
  choose(wish: Wish, hardware?: PodHardware): Selection {
    return chooseNics(wish, this.#sources(hardware));
  }

  /** Addresses in pools of this node; for STATUS. */
  get addressing(): Addressing {
    return this.#addressing;
  }

  /** Returns one attachment's record; undefined when there is none. */
  find(key: AttachmentKey): AttachmentRecord | undefined {
    return this.#deps.store.records.find(key);
  }

  /** Returns every attachment, or one network's. */
  list(network?: string): AttachmentRecord[] {
    return this.#deps.store.records.list(network);
  }

  /** Returns the rows of `IPPool.spec.allocations` of one pool, sorted by index. */
  allocationsOf(network: string, podCIDR: string): Allocation[] {
    return this.#deps.store.records.allocations(network, podCIDR);
  }

  /** Returns the host NICs that pod links hang off now. */
  mastersInUse(): Set<string> {
    return new Set(this.#uses.list().map((use) => use.master));
  }

  /** Calls back after each commit that changed a network's attachments; returns the way to stop. */
  onChange(listener: (network: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A refused attach has come and gone: the DEL that every runtime sends after it is not early and digs no grave. */
  #heard<T>(key: AttachmentKey, now: number, attach: () => T): T {
    try {
      return attach();
    } catch (error) {
      if (error instanceof Failure) this.#deps.store.graves.bury(key, { early: false, now });
      throw error;
    }
  }

  #make(
    request: AttachRequest,
    { at, hardware }: { at: number; hardware: PodHardware | undefined },
  ): AttachmentRecord {
    const { view, bootId } = this.#deps;
    const { network, ref } = request;
    if (view.leaving?.(network)) {
      throw new Failure(
        `Cannot attach ${describeKey(request)}: network ${network} is being deleted; take it out of the pod's annotation`,
        { code: String(faultCode.tryLater) },
      );
    }
    const { nics, reason } = this.choose(request, hardware);
    const from = { ...poolsFrom(request, view), nics, ips: request.ips };
    const addresses = ref.pooled ? this.#addressing.give(from, at) : [];
    return {
      ...keyOf(request),
      pod: request.pod,
      netns: request.netns,
      netnsDev: request.netnsDev,
      netnsIno: request.netnsIno,
      bootId,
      pluginType: ref.pluginType,
      mode: ref.mode,
      reason,
      attachedAt: at,
      interfaces: nics.map((nic, i) => ({
        name: `${request.ifname}-${i}`,
        master: nic.master,
        netAddress: nic.netAddress,
        pciAddress: nic.pciAddress,
        ...(nic.promisedKbps !== undefined && { promisedKbps: nic.promisedKbps }),
        addresses: addresses[i] ?? [],
      })),
    };
  }

  #sources(hardware: PodHardware | undefined): ChoiceSources {
    const { view } = this.#deps;
    return { view, uses: this.#uses.list(), holds: this.#holds, hardware };
  }

  /** A repeated attach may name another namespace file: proofs must look at the one in use. */
  #follow(kept: AttachmentRecord, request: AttachRequest): void {
    const same =
      kept.netns === request.netns &&
      kept.netnsDev === request.netnsDev &&
      kept.netnsIno === request.netnsIno &&
      kept.pod.uid === request.pod.uid;
    if (same) return;
    const { store } = this.#deps;
    const moved = this.#commit(() => store.records.move(request, request));
    if (moved) this.#deps.journal?.attached(store.sequence, moved);
  }

  #release(key: AttachmentKey): AttachmentRecord | undefined {
    const { store, now } = this.#deps;
    const at = now();
    faultPoint("nicd.detach.begin");
    const record = this.#commit(() => {
      const removed = store.records.remove(key, at);
      store.graves.bury(key, { early: removed === undefined, now: at });
      faultPoint("nicd.detach.uncommitted");
      return removed;
    });
    faultPoint("nicd.detach.committed");
    if (!record) return undefined;
    this.#deps.journal?.detached(store.sequence, key);
    const addresses = record.interfaces.flatMap((nic) => nic.addresses);
    this.#addressing.release(record.network, addresses, at);
    this.#uses.remove(record);
    this.#deps.lent?.restore();
    this.#holds.remove(record);
    this.#changed(record.network);
    return record;
  }

  /** One transaction; when it fails, what is in memory may be ahead of the record and is read anew. */
  #commit<T>(work: () => T): T {
    try {
      return this.#deps.store.step(work);
    } catch (error) {
      this.#addressing.forget();
      this.#uses.forget();
      this.#holds.forget();
      throw error;
    }
  }

  #changed(network: string): void {
    for (const listener of this.#listeners) {
      try {
        listener(network);
      } catch (error) {
        this.#deps.log.error("a listener of attachments failed", {
          network,
          error: explain(error),
        });
      }
    }
  }
}
