import type { Source } from "../kube/controller.ts";

/** Changes that come close together are looked at once. */
const settleMs = 50;
/** A whole cluster that is planned for long is not planned more often than this. */
const longestSettleMs = 5000;

/** Returns how long to gather changes: as long as planning took last time, so that it never takes more than half the time. */
export function settleTime(now: () => number) {
  let last = 0;
  return {
    ms: () => Math.min(longestSettleMs, Math.max(settleMs, last)),
    async measure<T>(work: () => Promise<T>): Promise<T> {
      const from = now();
      try {
        return await work();
      } finally {
        last = now() - from;
      }
    },
  };
}

/** Gathers what a source asks for over a short time: one joining node changes several objects. */
export function settled(inner: Source, ms: () => number): Source {
  return {
    start(add, signal) {
      const waiting = new Set<string>();
      let timer: Timer | undefined;
      const flush = () => {
        timer = undefined;
        for (const key of waiting) add(key);
        waiting.clear();
      };
      signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
      return inner.start((key) => {
        waiting.add(key);
        timer ??= setTimeout(flush, ms());
      }, signal);
    },
  };
}
