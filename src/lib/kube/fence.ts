import type { Kube } from "./kube.ts";

/**
 * Returns a client whose every write first calls `check`, which throws to stop it: what a leader writes through.
 * A client with limits of its own asks before every attempt, so that a retry after a long pause is fenced too.
 */
export function fence(kube: Kube, check: () => void): Kube {
  if (kube.with) return kube.with({ beforeWrite: check });
  const checked = async <R>(write: () => Promise<R>): Promise<R> => {
    check();
    return write();
  };
  return {
    get: (kind, name, where) => kube.get(kind, name, where),
    list: (kind, selection) => kube.list(kind, selection),
    watch: (kind, options, signal) => kube.watch(kind, options, signal),
    create: (kind, object) => checked(() => kube.create(kind, object)),
    replace: (kind, object) => checked(() => kube.replace(kind, object)),
    replaceStatus: (kind, object) => checked(() => kube.replaceStatus(kind, object)),
    patch: (kind, name, patch, where) => checked(() => kube.patch(kind, name, patch, where)),
    apply: (kind, object, options) => checked(() => kube.apply(kind, object, options)),
    remove: (kind, name, options) => checked(() => kube.remove(kind, name, options)),
  };
}
