/** Time as the kube layer uses it, so that tests turn the hands themselves. */
export interface Clock {
  /** Milliseconds that only ever grow (CLOCK_MONOTONIC): for differences, never for display. */
  now(): number;
  /** Milliseconds since 1970, for time stamps that others read. */
  wall(): number;
  /** Calls `run` once after `ms`; returns the way to cancel. */
  after(ms: number, run: () => void): () => void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Waits `ms`, or less when `signal` fires; never rejects, so look at the signal afterwards. */
export function pause(ms: number, clock: Clock, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const stop = () => {
      cancel();
      resolve();
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    });
    signal?.addEventListener("abort", stop, { once: true });
  });
}
