import { codeOf, explain, Failure } from "../errors.ts";
import { createInformer, type InformerOptions } from "./informer.ts";
import type { KindName, Kinds, Kube, Store, WatchEvent } from "./kube.ts";

/** A copy of objects whose kind may not be installed. While it is not, the copy is empty and looks again now and then. */
export interface OptionalStore<T> extends Store<T> {
  /** Whether the API server knows the kind; undefined while no list has said so. */
  readonly installed: boolean | undefined;
  /** Why the last list failed, when it did for another reason. */
  readonly trouble: string | undefined;
  /** Resolves when the first list was answered, however: what is optional holds nobody up. */
  answered(): Promise<void>;
  /** Calls back whenever `installed` or `trouble` has changed; returns the way to stop. */
  onAnswer(listener: () => void): () => void;
}

/** Keeps a copy of the selected objects until `signal` fires, if their kind is there, and from when it is. */
export function createOptionalInformer<K extends KindName>(
  kube: Kube,
  kind: K,
  options: InformerOptions,
): OptionalStore<Kinds[K]> {
  const { log } = options;
  const { versions } = kube;
  const first = Promise.withResolvers<void>();
  const listeners = new Set<() => void>();
  let installed: boolean | undefined;
  let trouble: string | undefined;
  const answer = (now: { installed?: boolean; trouble?: string }) => {
    const next = now.installed ?? installed;
    const changed = next !== installed || now.trouble !== trouble;
    installed = next;
    trouble = now.trouble;
    first.resolve();
    if (changed) for (const listener of [...listeners]) listener();
  };
  options.signal.addEventListener("abort", () => first.resolve(), { once: true });
  const followed: Kube = {
    ...kube,
    async list(asked, selection) {
      try {
        return await kube.list(asked, selection);
      } catch (error) {
        // A namespace that is missing lists as empty: only a kind that is missing is not found.
        if (codeOf(error) === "NotFound") answer({ installed: false });
        else answer({ trouble: explain(error) });
        throw error;
      }
    },
    ...(versions && {
      versions: async (asked, selection) => {
        try {
          return await versions(asked, selection);
        } catch (error) {
          throw relist(error);
        }
      },
    }),
    watch(asked, selection, signal) {
      // A watch begins when the list has been taken in.
      answer({ installed: true });
      return listedAgain(kube.watch(asked, selection, signal));
    },
  };
  const copy = createInformer(followed, kind, {
    ...options,
    // That it is not installed is as it should be, and told in status where it matters.
    log: {
      ...log,
      warn: (text, fields) => (installed === false ? log.debug : log.warn)(text, fields),
    },
  });
  return {
    get synced() {
      return copy.synced;
    },
    get installed() {
      return installed;
    },
    get trouble() {
      return trouble;
    },
    get: (name, namespace) => (installed ? copy.get(name, namespace) : undefined),
    list: () => (installed ? copy.list() : []),
    onChange: (listener) => copy.onChange(listener),
    ready: (signal) => copy.ready(signal),
    answered: () => first.promise,
    onAnswer(listener) {
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
  };
}

/** A kind that goes while it is watched has to be listed again, which then says so. */
async function* listedAgain<T>(events: AsyncIterable<WatchEvent<T>>): AsyncIterable<WatchEvent<T>> {
  try {
    yield* events;
  } catch (error) {
    throw relist(error);
  }
}

function relist(error: unknown): unknown {
  if (codeOf(error) !== "NotFound") return error;
  return new Failure("The kind is no longer served", { code: "Expired", cause: error });
}
