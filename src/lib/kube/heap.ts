import { type Clock, pause } from "./clock.ts";

const everyMs = 60_000;

/**
 * Has the heap collected once a minute until `signal` fires. Left alone the runtime waits ever longer: in an hour of churn
 * with 7 MB in use it let the heap grow to 28 MB, and the process by as much. A collection beside our work takes 10 ms.
 */
export async function keepHeapSmall(clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await pause(everyMs, clock, signal);
    if (signal.aborted) return;
    Bun.gc(false);
  }
}
