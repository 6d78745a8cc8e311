import type { KubeObject } from "../api/meta.ts";
import type { Store } from "../kube/kube.ts";

/**
 * Makes the answer to "does this host leave for good?": its Config is being deleted, or was when it went. undefined while
 * the list has not been read. A nicd that outlives its Config by a moment must not put back what it has cleaned up.
 */
export function createLeaving(
  configs: Pick<Store<KubeObject>, "synced" | "list">,
): () => boolean | undefined {
  let before = false;
  return () => {
    if (!configs.synced) return undefined;
    const all = configs.list();
    if (all.length > 0) {
      before = all.some((config) => config.metadata.deletionTimestamp !== undefined);
    }
    return before;
  };
}
