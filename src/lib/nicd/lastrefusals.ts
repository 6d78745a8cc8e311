import { explain } from "../errors.ts";
import type { AttachRequest, PodRef } from "../node/contract.ts";

/** A refused attach. */
export interface Refusal {
  readonly network: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly message: string;
}

/** As many pods' networks are remembered; older ones are in Events. */
const most = 256;

/** Why pods were refused last, in memory: what to tell of a pod that is not attached. */
export class LastRefusals {
  readonly #refusals = new Map<string, Refusal>();

  add(request: Pick<AttachRequest, "network" | "pod">, of: { error: unknown; at: number }): void {
    const { network, pod } = request;
    const key = keyOf(pod, network);
    this.#refusals.delete(key);
    this.#refusals.set(key, { network, at: of.at, message: explain(of.error) });
    const [oldest] = this.#refusals.keys();
    if (this.#refusals.size > most && oldest !== undefined) this.#refusals.delete(oldest);
  }

  /** Returns a pod's, oldest first. */
  of(pod: Pick<PodRef, "namespace" | "name">): Refusal[] {
    const start = keyOf(pod, "");
    return [...this.#refusals].filter(([key]) => key.startsWith(start)).map(([, each]) => each);
  }
}

function keyOf({ namespace, name }: Pick<PodRef, "namespace" | "name">, network: string): string {
  return `${namespace}/${name}/${network}`;
}
