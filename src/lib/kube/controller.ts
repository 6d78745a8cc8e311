import { explain } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Store } from "./kube.ts";
import type { OptionalStore } from "./optional.ts";
import { createQueue, type Queue, type QueueOptions } from "./queue.ts";

/** What a reconcile wants next: nothing until something changes, or another look after that many milliseconds. */
export type Next = "done" | { readonly after: number };

/** Brings everything behind one key in line; `signal` fires when the controller stops. */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Next>;

/** A store whose changes ask for work. Wrap each with `source`. */
export interface Source {
  /** Waits for the store, then calls back with the keys of every object in it and of every change; returns the way to stop. */
  start(add: (key: string) => void, signal: AbortSignal): Promise<() => void>;
}

export interface Controller extends QueueOptions {
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly sources?: readonly Source[];
  /** Given when others ask for work too. */
  readonly queue?: Queue | undefined;
  /** Keys worked on at the same time; one. */
  readonly workers?: number;
  readonly log: Log;
  /** Told of each outcome, for metrics. */
  readonly observe?: ((outcome: "done" | "again" | "failed") => void) | undefined;
}

/** Makes a source of a store: `keys` names what an object's change asks work for. */
export function source<T>(store: Store<T>, keys: (object: T) => Iterable<string>): Source {
  return {
    async start(add, signal) {
      await store.ready(signal);
      const stop = store.onChange((before, after) => {
        const wanted = new Set<string>();
        for (const object of [before, after]) {
          if (object !== undefined) for (const key of keys(object)) wanted.add(key);
        }
        for (const key of wanted) add(key);
      });
      for (const object of store.list()) for (const key of keys(object)) add(key);
      return stop;
    },
  };
}

/** Makes a source that asks for the same work whenever a store says anything: of an object, or of itself. */
export function anyChange(store: OptionalStore<unknown>, keys: () => Iterable<string>): Source {
  return {
    async start(add) {
      const all = () => {
        for (const key of keys()) add(key);
      };
      const stops = [store.onChange(all), store.onAnswer(all)];
      all();
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

/**
 * Works until `signal` fires, then lets the reconciles in hand finish and returns. It starts working only when every
 * source is complete. A reconcile that throws comes again after its key's back-off; each such failure is logged once.
 */
export async function runController(controller: Controller, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const queue = controller.queue ?? createQueue(controller);
  const close = () => queue.close();
  signal.addEventListener("abort", close, { once: true });
  const stops: (() => void)[] = [];
  try {
    for (const one of controller.sources ?? []) {
      stops.push(await one.start((key) => queue.add(key), signal));
    }
    const workers = Array.from({ length: controller.workers ?? 1 }, () =>
      work(controller, { queue }, signal),
    );
    await Promise.all(workers);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", close);
    queue.close();
    for (const stop of stops) stop();
  }
}

/** Runs several controllers until `signal` fires; one that cannot go on stops them all. */
export async function runControllers(
  controllers: readonly Controller[],
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const runs = controllers.map(async (controller) => {
    try {
      await runController(controller, either);
    } catch (error) {
      failed.abort();
      throw error;
    }
  });
  const outcomes = await Promise.allSettled(runs);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

async function work(
  controller: Controller,
  { queue }: { queue: Queue },
  signal: AbortSignal,
): Promise<void> {
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    try {
      const next = await controller.reconcile(key, signal);
      queue.forget(key);
      if (next !== "done") queue.addAfter(key, next.after);
      controller.observe?.(next === "done" ? "done" : "again");
    } catch (error) {
      controller.observe?.("failed");
      const again = queue.retry(key);
      if (!signal.aborted) {
        controller.log.warn(`${controller.name}: ${explain(error)}`, { key, retryInMs: again });
      }
    } finally {
      queue.done(key);
    }
  }
}
