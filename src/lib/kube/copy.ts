import type { KubeObject } from "../api/meta.ts";
import { Failure } from "../errors.ts";
import type { Store } from "./kube.ts";

/** The writing side of a `Store`: what an informer does to it. */
export interface Copy<T> {
  readonly store: Store<T>;
  /** Takes a complete list in: tells the listeners of each difference, deletions included. */
  replace(items: readonly T[]): void;
  apply(type: "ADDED" | "MODIFIED" | "DELETED", object: T): void;
  /** Ends the wait of everyone in `ready` with `why`, unless the first list was taken in. */
  stop(why: Failure): void;
}

/** Makes an empty copy; `failed` is told of a listener that throws, which stops neither the others nor the copy. */
export function createCopy<T extends KubeObject>(failed: (error: unknown) => void): Copy<T> {
  const objects = new Map<string, T>();
  const listeners = new Set<(before: T | undefined, after: T | undefined) => void>();
  const synced = Promise.withResolvers<void>();
  synced.promise.catch(() => {});
  let complete = false;

  const tell = (before: T | undefined, after: T | undefined) => {
    for (const listener of [...listeners]) {
      try {
        listener(before, after);
      } catch (error) {
        failed(error);
      }
    }
  };
  const put = (object: T) => {
    const key = keyOf(object.metadata.name, object.metadata.namespace);
    const before = objects.get(key);
    objects.set(key, object);
    if (before === undefined || before.metadata.resourceVersion !== object.metadata.resourceVersion)
      tell(before, object);
  };
  const drop = (key: string) => {
    const before = objects.get(key);
    if (objects.delete(key)) tell(before, undefined);
  };
  return {
    store: {
      get synced() {
        return complete;
      },
      get: (name, namespace) => objects.get(keyOf(name, namespace)),
      list: () => [...objects.values()],
      onChange(listener) {
        const own: typeof listener = (before, after) => listener(before, after);
        listeners.add(own);
        return () => void listeners.delete(own);
      },
      ready: (signal) => (signal ? either(synced.promise, signal) : synced.promise),
    },
    replace(items) {
      const kept = new Set(items.map((o) => keyOf(o.metadata.name, o.metadata.namespace)));
      for (const key of [...objects.keys()]) if (!kept.has(key)) drop(key);
      for (const object of items) {
        const before = objects.get(keyOf(object.metadata.name, object.metadata.namespace));
        if (before !== undefined && before.metadata.uid !== object.metadata.uid) {
          drop(keyOf(object.metadata.name, object.metadata.namespace));
        }
        put(object);
      }
      complete = true;
      synced.resolve();
    },
    apply(type, object) {
      if (type === "DELETED") drop(keyOf(object.metadata.name, object.metadata.namespace));
      else put(object);
    },
    stop: (why) => synced.reject(why),
  };
}

/** Tells whether resourceVersion `a` is of an earlier time than `b`; false for versions that are not numbers. */
export function isOlder(a: string, b: string): boolean {
  return /^\d+$/.test(a) && /^\d+$/.test(b) && BigInt(a) < BigInt(b);
}

function keyOf(name: string, namespace: string | undefined): string {
  return `${namespace ?? ""}/${name}`;
}

function either(done: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () =>
      reject(new Failure("Stopped waiting for the first list", { code: "Stopped" }));
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    done.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
