import { type Backoff, createBackoff } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";

export interface QueueOptions {
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  /** First and longest wait of a key that keeps failing; 250 ms and 2 minutes. */
  readonly minMs?: number | undefined;
  readonly maxMs?: number | undefined;
}

/** Keys waiting for work: each at most once, and never in two hands at a time. */
export interface Queue {
  /** Asks for work on `key` now; one that is being worked on comes again afterwards. */
  add(key: string): void;
  /** Asks for work on `key` in `ms`; of several such wishes the earliest counts. */
  addAfter(key: string, ms: number): void;
  /** Asks for work after the key's own back-off, which grows with each call; returns the wait in milliseconds. */
  retry(key: string): number;
  /** Ends the key's back-off, after a success. */
  forget(key: string): void;
  /** Waits for a key; undefined when the queue is closed. Whoever takes a key must call `done`. */
  take(): Promise<string | undefined>;
  done(key: string): void;
  /** Drops everything that waits, and wakes every taker with undefined. */
  close(): void;
  /** Keys ready, in hand, and waiting for their time. */
  readonly counts: { readonly ready: number; readonly active: number; readonly delayed: number };
}

/** Makes a work queue with de-duplication, delays and a back-off per key. */
export function createQueue(options: QueueOptions = {}): Queue {
  const clock = options.clock ?? systemClock;
  const limits = {
    minMs: options.minMs ?? 250,
    maxMs: options.maxMs ?? 120_000,
    random: options.random,
  };
  const ready = new Set<string>();
  const active = new Set<string>();
  const again = new Set<string>();
  const delayed = new Map<string, { at: number; cancel: () => void }>();
  const backoffs = new Map<string, { readonly backoff: Backoff; due: number }>();
  const takers: ((key: string | undefined) => void)[] = [];
  let closed = false;

  const hand = () => {
    for (const key of ready) {
      const taker = takers.shift();
      if (!taker) return;
      ready.delete(key);
      active.add(key);
      taker(key);
    }
  };
  const add = (key: string) => {
    if (closed) return;
    delayed.get(key)?.cancel();
    delayed.delete(key);
    if (active.has(key)) again.add(key);
    else ready.add(key);
    hand();
  };
  const addAfter = (key: string, ms: number) => {
    if (closed || ready.has(key) || again.has(key)) return;
    if (ms <= 0) return add(key);
    const at = clock.now() + ms;
    const before = delayed.get(key);
    if (before && before.at <= at) return;
    before?.cancel();
    delayed.set(key, { at, cancel: clock.after(ms, () => add(key)) });
  };
  return {
    add,
    addAfter,
    retry(key) {
      const failing = backoffs.get(key) ?? { backoff: createBackoff(limits), due: 0 };
      backoffs.set(key, failing);
      // A change woke the key before its time: the burst of failures that follows is one failure.
      const early = failing.due - clock.now();
      const wait = early > 0 ? early : failing.backoff.next();
      failing.due = clock.now() + wait;
      addAfter(key, wait);
      return wait;
    },
    forget: (key) => void backoffs.delete(key),
    take() {
      if (closed) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        takers.push(resolve);
        hand();
      });
    },
    done(key) {
      active.delete(key);
      if (again.delete(key) && !closed) ready.add(key);
      hand();
    },
    close() {
      closed = true;
      for (const wish of delayed.values()) wish.cancel();
      for (const set of [ready, again, delayed, backoffs]) set.clear();
      for (const taker of takers.splice(0)) taker(undefined);
    },
    get counts() {
      return { ready: ready.size, active: active.size, delayed: delayed.size };
    },
  };
}
