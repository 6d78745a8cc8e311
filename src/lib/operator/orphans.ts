import { apiVersion, type KubeObject } from "../api/meta.ts";
import type { Next } from "../kube/controller.ts";
import { readNow } from "../kube/readnow.ts";
import { networkOf } from "../plan/networkof.ts";
import type { Deps } from "./deps.ts";
import { aliveIn, observeNetwork } from "./observe.ts";

/** When slices or pools of each network were first seen without it; by our own clock. */
export type OrphanedSince = Map<string, number>;

/**
 * Removes the slices and pools of a network that is not there: somebody took its finalizer off, and nothing would ever
 * look at them again. The API server itself must say that there is no such network, for as long as a restored backup may
 * take to bring it after its slices, which keep the hosts' indexes; and no pod that lives may hold an address in them.
 */
export async function removeOrphans(
  name: string,
  deps: Deps & { readonly orphanedSince: OrphanedSince },
): Promise<Next> {
  const { kube, orphanedSince, stores } = deps;
  const isOwn = (object: KubeObject) => networkOf(object) === name;
  if (!stores.cidrs.stored.list().some(isOwn) && !stores.pools.stored.list().some(isOwn)) {
    orphanedSince.delete(name);
    return "done";
  }
  const spec = { ipam: "", plugin: { type: "" } };
  const gone = { apiVersion, kind: "MultiNicNetwork", metadata: { name }, spec } as const;
  const seen = observeNetwork(gone, deps);
  const { slices, pools } = seen;
  const { normalMs, longMs } = deps.pace();
  const isAlive = aliveIn(seen);
  const isHeld =
    !stores.nodes.synced ||
    // What cannot be read may say that pods hold addresses.
    seen.unreadable.length > 0 ||
    pools.some((pool) => pool.spec.allocations.length > 0 && isAlive(pool.spec.hostName)) ||
    seen.hostInterfaces.some(
      ({ metadata, status }) =>
        isAlive(metadata.name) &&
        status?.leaving?.some((one) => one.name === name && one.attachments > 0),
    );
  if (isHeld || (await readNow(kube, "MultiNicNetwork", name))) {
    orphanedSince.delete(name);
    return { after: normalMs };
  }
  const now = deps.now();
  // A clock that was set back meanwhile begins anew.
  const since = Math.min(orphanedSince.get(name) ?? now, now);
  orphanedSince.set(name, since);
  const rest = since + longMs - now;
  if (rest > 0) return { after: Math.min(rest, normalMs) };
  for (const { kind, metadata } of [...slices, ...pools]) {
    const { uid, resourceVersion } = metadata;
    await kube.remove(kind, metadata.name, { uid, resourceVersion });
    deps.log.warn(`${kind} of a network that is gone removed`, { name: metadata.name });
  }
  orphanedSince.delete(name);
  return "done";
}
