import type { KernelEvent } from "../linux/kernel.ts";
import type { Link } from "../netlink/types.ts";

/** IFF_PROMISC and IFF_ALLMULTI (linux/if.h) follow what listens on a link. */
const listening = 0x100 | 0x200;

/**
 * Keeps what pods do to a host from its standing work: a node has hundreds of their links, and each that comes or goes is
 * told in a dozen events, a macvlan or ipvlan once more in its master's name. Passed are rules and routes, and of links and
 * addresses those that `concerns` says yes to, where something about the link changed.
 */
export class HostEvents {
  readonly #concerns: (link: Link) => boolean;
  /** What was last told of each link that concerns the host, by index. */
  readonly #told = new Map<number, string>();
  /** Indexes of links that do not. */
  readonly #others = new Set<number>();

  constructor(concerns: (link: Link) => boolean) {
    this.#concerns = concerns;
  }

  /** Passes on the events of `events` that count. */
  async *sift(events: AsyncIterable<KernelEvent>): AsyncGenerator<KernelEvent> {
    for await (const event of events) if (this.counts(event)) yield event;
  }

  /** Tells whether an event may change anything for the host. */
  counts(event: KernelEvent): boolean {
    switch (event.kind) {
      case "link":
        return event.gone ? this.#goes(event.link) : this.#comes(event.link);
      case "address":
        // A veth's end on the host may carry the host's own address: all that is known to be of no account is the kernel's.
        return !(this.#others.has(event.address.index) && isLinkLocal(event.address.address));
      case "resync":
        this.#told.clear();
        this.#others.clear();
        return true;
      default:
        return true;
    }
  }

  #goes(link: Link): boolean {
    this.#told.delete(link.index);
    return !this.#others.delete(link.index);
  }

  #comes(link: Link): boolean {
    if (!this.#concerns(link)) {
      this.#others.add(link.index);
      // It may have had another name, by which it did.
      return this.#told.delete(link.index);
    }
    this.#others.delete(link.index);
    const now = facts(link);
    if (this.#told.get(link.index) === now) return false;
    this.#told.set(link.index, now);
    return true;
  }
}

function facts({ stats: _, flags, ...link }: Link): string {
  return JSON.stringify({ ...link, flags: flags & ~listening });
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/.test(address);
}
