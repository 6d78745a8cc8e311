import type { NetworkRoutesStatus } from "../api/kinds.ts";
import { sameValue } from "../plan/hostinterface.ts";
import type { RoutesReport } from "./routes.ts";

/** What is told of the host's routes: what the last look at them found, and what pods use since. */
export class LastRoutes {
  #networks: readonly NetworkRoutesStatus[] | undefined;
  #podCIDRs: RoutesReport["podCIDRs"] = new Map();

  /** By network; undefined before the first look. */
  get networks(): readonly NetworkRoutesStatus[] | undefined {
    return this.#networks;
  }

  /** Takes a look's report; returns whether anything is told anew. */
  take({ networks, podCIDRs }: RoutesReport): boolean {
    this.#podCIDRs = podCIDRs;
    if (sameValue(this.#networks, networks)) return false;
    this.#networks = networks;
    return true;
  }

  /**
   * Tells in which podCIDRs of a network pods hold addresses from now on. False where that may change routes as well, and only
   * a look can tell: a network or podCIDR that is not routed here any more is kept for its pods alone.
   */
  use(network: string, podCIDRs: readonly string[]): boolean {
    const routed = this.#podCIDRs.get(network);
    const before = this.#networks?.find(({ name }) => name === network);
    if (!routed || !before) return false;
    if (![...podCIDRs, ...before.podCIDRs].every((one) => routed.includes(one))) return false;
    const after = { ...before, podCIDRs: routed.filter((one) => podCIDRs.includes(one)) };
    this.#networks = this.#networks?.map((one) => (one === before ? after : one));
    return true;
  }
}
