export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** A float in [0, 1). */
  readonly random?: (() => number) | undefined;
}

/** Grows waiting times for one thing that keeps failing. */
export interface Backoff {
  /** Returns the next wait in milliseconds: doubled each time, capped, then between half and the whole of it. */
  next(): number;
  reset(): void;
  readonly failures: number;
}

/** Makes an exponential back-off; the jitter keeps thousands of daemons from coming back in step. */
export function createBackoff(options: BackoffOptions): Backoff {
  const random = options.random ?? Math.random;
  let failures = 0;
  return {
    next() {
      const whole = Math.min(options.maxMs, options.minMs * 2 ** Math.min(failures, 30));
      failures++;
      return Math.round(whole * (0.5 + random() / 2));
    },
    reset() {
      failures = 0;
    },
    get failures() {
      return failures;
    },
  };
}
