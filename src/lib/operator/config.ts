import type { Config } from "../api/kinds.ts";
import { codeOf } from "../errors.ts";
import type { Next } from "../kube/controller.ts";
import { daemonSet } from "../plan/daemonset.ts";
import type { Deps } from "./deps.ts";
import { addFinalizer, configFinalizer, dropFinalizer } from "./finalizers.ts";
import { daemonsOf } from "./observe.ts";

const manager = "multinic-operator";

/** Brings nicd's DaemonSet in line with its Config; a deleted Config takes the DaemonSet with it. */
export async function reconcileConfig(name: string, deps: Deps): Promise<Next> {
  const config = deps.stores.configs.get(name);
  if (!config) return "done";
  if (config.metadata.deletionTimestamp !== undefined) return cleanUp(config, deps);
  await addFinalizer(deps.kube, "Config", { object: config, finalizer: configFinalizer });
  const wanted = daemonSet(config, { namespace: deps.namespace, image: deps.image });
  try {
    // Server-side apply leaves what others set and is a no-op when nothing changed.
    await deps.kube.apply("DaemonSet", wanted, { manager });
  } catch (error) {
    if (codeOf(error) === "Invalid") {
      const message = `The API server refuses nicd's DaemonSet: ${String(error)}: mend Config ${name}`;
      deps.events.record(config, { type: "Warning", reason: "DaemonSetRefused", message });
    }
    throw error;
  }
  return "done";
}

/**
 * A nicd that sees its Config being deleted takes its rules and routes off the host and reports no network; when every
 * one that is alive has done so, the DaemonSet goes, and then the finalizer.
 */
async function cleanUp(config: Config, deps: Deps): Promise<Next> {
  const { ready } = daemonsOf(deps);
  const busy = deps.stores.hostInterfaces
    .list()
    .filter((host) => ready.has(host.metadata.name) && (host.status?.networks ?? []).length > 0);
  if (busy.length > 0) {
    deps.log.info("waiting for hosts to be cleaned", {
      hosts: busy.map((host) => host.metadata.name),
    });
    return { after: deps.pace().urgentMs };
  }
  await deps.kube.remove("DaemonSet", config.metadata.name, { namespace: deps.namespace });
  await dropFinalizer(deps.kube, "Config", { object: config, finalizer: configFinalizer });
  return "done";
}
