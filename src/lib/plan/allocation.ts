import { Failure } from "../errors.ts";
import {
  type Address,
  addressAt,
  containsAddress,
  first,
  formatAddress,
  last,
  overlaps,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixOf,
  size,
} from "../ip.ts";

/** A freed address rests this long before it is given again, unless the pool is otherwise full. */
export const restMs = 30_000;

/** At most so many addresses of a podCIDR are used, counted from its first one (index 0, itself never given). */
const window = 2 ** 16;

const used = 1;
const freed = 2;
const excluded = 4;

/** What is known of one podCIDR; indexes are offsets from its first address. */
export interface PoolFacts {
  /** Pool's name, for errors. */
  readonly name: string;
  readonly podCIDR: string;
  /** Addresses or CIDRs that are never given. */
  readonly excludes: readonly string[];
  readonly used: Iterable<number>;
  /** Addresses that were used and are free again; `at` in milliseconds. */
  readonly freed: Iterable<{ readonly index: number; readonly at: number }>;
}

/** Which addresses of one podCIDR are in use, and which one comes next. Allocate, take and release cost O(1). */
export class AddressPool {
  readonly name: string;
  readonly prefix: Prefix;
  /** Highest index that may be given: the last address of the podCIDR never is. */
  readonly #top: number;
  readonly #flags: Uint8Array;
  /** Every index below was used once or is excluded. */
  #fresh = 1;
  /** Freed indexes, longest free first from `#head` on; an entry is stale when the index was taken since. */
  #queue: { index: number; at: number }[] = [];
  #head = 0;
  readonly #freedAt = new Map<number, number>();
  #used = 0;
  #usable = 0;

  constructor(facts: PoolFacts) {
    const prefix = parsePrefix(facts.podCIDR);
    if (!prefix) {
      throw new Failure(
        `Cannot use pool ${facts.name}: podCIDR ${JSON.stringify(facts.podCIDR)} is not a CIDR`,
      );
    }
    this.name = facts.name;
    this.prefix = prefix;
    const total = size(prefix);
    this.#top = total > BigInt(window) ? window - 1 : Math.max(0, Number(total) - 2);
    this.#flags = new Uint8Array(this.#top + 1);
    for (const text of facts.excludes) this.#exclude(text);
    for (let i = 1; i <= this.#top; i++) if (this.#flag(i) === 0) this.#usable++;
    for (const index of facts.used) {
      if (!this.#inside(index) || this.#flag(index) & used) continue;
      this.#mark(index, used);
      this.#used++;
    }
    for (const { index, at } of [...facts.freed].sort((a, b) => a.at - b.at || a.index - b.index)) {
      if (this.#inside(index) && !(this.#flag(index) & used)) this.#enqueue(index, at);
    }
  }

  /** How many addresses may be given at all. */
  get usable(): number {
    return this.#usable;
  }

  /** How many are in use; may exceed `usable` when an exclusion came after an allocation. */
  get used(): number {
    return this.#used;
  }

  /** Tells whether `allocate` would fail. */
  get full(): boolean {
    return this.#lowestFresh() === undefined && this.#longestFree() === undefined;
  }

  /**
   * Takes the lowest never-used index, then the longest free one; `rested` is false when that one was freed less than
   * 30 s before `now` (ms), which happens only when nothing else is free. Throws code 102 when all are in use.
   */
  allocate(now: number): { index: number; rested: boolean } {
    const index = this.#lowestFresh();
    if (index !== undefined) {
      this.#use(index);
      return { index, rested: true };
    }
    const oldest = this.#longestFree();
    if (!oldest) throw this.#fullFailure();
    this.#use(oldest.index);
    return { index: oldest.index, rested: now - oldest.at >= restMs };
  }

  /** Takes one address by name and returns its index; throws code 105 when it is not free to be given. */
  take(address: Address): number {
    const text = formatAddress(address);
    const refuse = (why: string) =>
      new Failure(`Cannot give address ${text} of pool ${this.name}: ${why}`, { code: "105" });
    const index = this.indexOf(address);
    if (index === undefined) {
      throw refuse(
        `it is outside ${this.#range()}; choose one of this host's pool, or run the pod on its host`,
      );
    }
    if (!this.#inside(index)) {
      throw refuse(
        `the first and the last address of a podCIDR and all above 2^16 are never given`,
      );
    }
    if (this.#flag(index) & excluded) throw refuse("it is excluded");
    if (this.#flag(index) & used) throw refuse("another pod has it");
    this.#use(index);
    return index;
  }

  /** Gives an index back at `now` (ms); false when it was not in use. */
  release(index: number, now: number): boolean {
    if (!this.#inside(index) || !(this.#flag(index) & used)) return false;
    this.#flags[index] = this.#flag(index) & ~used;
    this.#used--;
    this.#enqueue(index, now);
    return true;
  }

  /** Returns the offset of an address from the podCIDR's first one; undefined outside of it. */
  indexOf(address: Address): number | undefined {
    if (!containsAddress(this.prefix, address)) return undefined;
    const index = address.value - this.prefix.base;
    return index >= BigInt(window) ? window : Number(index);
  }

  /** Writes the address of an index, without prefix length. */
  addressOf(index: number): string {
    return formatAddress(addressAt(this.prefix, index));
  }

  #flag(index: number): number {
    return this.#flags[index] ?? 0;
  }

  #mark(index: number, flag: number): void {
    this.#flags[index] = this.#flag(index) | flag;
  }

  #inside(index: number): boolean {
    return Number.isInteger(index) && index >= 1 && index <= this.#top;
  }

  #use(index: number): void {
    this.#flags[index] = (this.#flag(index) | used) & ~freed;
    this.#freedAt.delete(index);
    this.#used++;
  }

  #enqueue(index: number, at: number): void {
    this.#mark(index, freed);
    this.#freedAt.set(index, at);
    this.#queue.push({ index, at });
    if (this.#queue.length > 64 + 2 * this.#freedAt.size) {
      this.#queue = this.#queue.filter((entry) => this.#freedAt.get(entry.index) === entry.at);
      this.#head = 0;
    }
  }

  #lowestFresh(): number | undefined {
    while (this.#fresh <= this.#top && this.#flag(this.#fresh) !== 0) this.#fresh++;
    return this.#fresh <= this.#top ? this.#fresh : undefined;
  }

  #longestFree(): { index: number; at: number } | undefined {
    for (; this.#head < this.#queue.length; this.#head++) {
      const entry = this.#queue[this.#head];
      if (!entry || this.#freedAt.get(entry.index) !== entry.at) continue;
      if (this.#flag(entry.index) & excluded) continue;
      return entry;
    }
    return undefined;
  }

  #exclude(text: string): void {
    const address = parseAddress(text);
    const range = address ? prefixOf(address, address.family === 4 ? 32 : 128) : parsePrefix(text);
    if (!range) {
      throw new Failure(
        `Cannot use pool ${this.name}: excludes holds ${JSON.stringify(text)}, which is neither an address nor a CIDR`,
      );
    }
    if (!overlaps(range, this.prefix)) return;
    const from = first(range).value - this.prefix.base;
    const to = last(range).value - this.prefix.base;
    const end = to > BigInt(this.#top) ? this.#top : Number(to);
    for (let i = from < 0n ? 0 : Number(from); i <= end; i++) this.#mark(i, excluded);
  }

  #range(): string {
    return `${formatAddress(first(this.prefix))}/${this.prefix.length}`;
  }

  #fullFailure(): Failure {
    return new Failure(
      `Cannot allocate an address in pool ${this.name} (${this.#range()}): ${this.#used} in use of ${this.#usable} usable; ` +
        "delete pods that use this network on this node, schedule fewer here, or recreate the network with fewer block bits so that each host gets more addresses",
      { code: "102" },
    );
  }
}
