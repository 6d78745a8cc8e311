import type { Clock } from "../kube/clock.ts";
import type { Kernel } from "../linux/kernel.ts";
import { type Counters, type Rates, ratesBetween, ratesMoved } from "../plan/nic-rates.ts";

/** How often rates are measured and, when they moved, published. */
export const rateIntervalMs = 60_000;

export interface RatesDeps {
  readonly kernel: Pick<Kernel, "links">;
  readonly clock: Pick<Clock, "now">;
}

/** Measures each NIC's traffic from the counters of its link, at most once a minute. */
export class NicRates {
  readonly #deps: RatesDeps;
  #readings = new Map<string, Counters & { readonly index: number }>();
  #rates: ReadonlyMap<string, Rates> = new Map();
  #at: number | undefined;

  constructor(deps: RatesDeps) {
    this.#deps = deps;
  }

  /** The rates as published last: small changes are left out, so that a quiet host writes nothing. */
  get rates(): ReadonlyMap<string, Rates> {
    return this.#rates;
  }

  /** The counters as read last. */
  get counters(): ReadonlyMap<string, Counters> {
    return this.#readings;
  }

  /** Reads the counters unless a minute has not passed; returns whether `rates` changed. */
  measure(names: ReadonlySet<string>): boolean {
    const at = this.#deps.clock.now();
    if (this.#at !== undefined && at - this.#at < rateIntervalMs) return false;
    const readings = new Map<string, Counters & { readonly index: number }>();
    const rates = new Map<string, Rates>();
    let changed = false;
    for (const link of this.#deps.kernel.links()) {
      if (!names.has(link.name) || !link.stats) continue;
      const reading = { at, index: link.index, ...link.stats };
      readings.set(link.name, reading);
      const before = this.#readings.get(link.name);
      const now = before?.index === link.index ? ratesBetween(before, reading) : undefined;
      const last = this.#rates.get(link.name);
      const moved = now !== undefined && ratesMoved(last, now);
      const kept = moved ? now : last;
      if (kept) rates.set(link.name, kept);
      changed ||= moved;
    }
    changed ||= rates.size !== this.#rates.size;
    this.#at = at;
    this.#readings = readings;
    this.#rates = rates;
    return changed;
  }
}
