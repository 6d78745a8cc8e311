import { unmanagedLabel } from "../api/meta.ts";
import type { Next } from "../kube/controller.ts";
import type { Deps } from "./deps.ts";
import { hasAbandoned, stripAbandoned } from "./finalizers.ts";
import { daemonsOf } from "./observe.ts";

/** When each HostInterface, by UID, was first seen without its node; by our own clock, which need not be the API server's. */
export type MissingSince = Map<string, number>;

/**
 * Removes the HostInterface of a node that is gone: the copy of nodes must be whole and lack it, and the API server
 * itself must answer that there is no such node. A user's own (unmanaged) HostInterface stays. It also stays as long as
 * its nicd is ready: one that runs writes it again at once, and the two of us would go round for ever. The pod of a node that
 * is gone is deleted by Kubernetes within a minute or so; rows, pools and routes do not wait for that. And it waits a while, for
 * a nicd that is not ready.
 */
export async function reconcileHostInterface(
  name: string,
  deps: Deps & { readonly missingSince: MissingSince },
): Promise<Next> {
  const { missingSince } = deps;
  const { hostInterfaces } = deps.stores;
  const found = hostInterfaces.stored.get(name);
  if (!found) return "done";
  const { uid = "", resourceVersion } = found.metadata;
  if (hasAbandoned(found)) await stripAbandoned(deps.kube, "HostInterface", found);
  if (found.metadata.labels?.[unmanagedLabel] === "true") return "done";
  const node = hostInterfaces.get(name)?.spec.hostName || name;
  if (!deps.stores.nodes.synced || deps.stores.nodes.get(node)) {
    missingSince.delete(uid);
    return "done";
  }
  if (daemonsOf(deps).ready.has(node)) return "done";
  if (await deps.kube.get("Node", node)) return { after: deps.pace().normalMs };
  const now = deps.now();
  const since = missingSince.get(uid) ?? now;
  const { urgentMs } = deps.pace();
  const rest = since + urgentMs - now;
  if (rest > 0) {
    // A clock that was set back meanwhile begins anew.
    missingSince.set(uid, Math.min(since, now));
    return { after: Math.min(rest, urgentMs) };
  }
  await deps.kube.remove("HostInterface", name, { uid, resourceVersion });
  missingSince.delete(uid);
  deps.log.info("removed the HostInterface of a node that is gone", { node });
  return "done";
}
