import type { HostInterface } from "../api/kinds.ts";
import type { KubeObject } from "../api/meta.ts";
import { codeOf, explain } from "../errors.ts";
import type { Next } from "../kube/controller.ts";
import type { Kinds } from "../kube/kube.ts";
import { daemonSet } from "../plan/daemonset.ts";
import { multusFolder } from "../plan/multusfolder.ts";
import { takeoverFields } from "../plan/takeover.ts";
import type { Deps } from "./deps.ts";
import { addFinalizer, configFinalizer, dropFinalizer } from "./finalizers.ts";
import { daemonsOf } from "./observe.ts";

const manager = "multinic-operator";

/** Brings nicd's DaemonSet in line with its Config; a deleted Config takes the DaemonSet with it. */
export async function reconcileConfig(name: string, deps: Deps): Promise<Next> {
  const { configs } = deps.stores;
  const stored = configs.stored.get(name);
  if (!stored) return "done";
  if (stored.metadata.deletionTimestamp !== undefined) return cleanUp(stored, deps);
  const kept = { object: stored, finalizer: configFinalizer };
  // Deleted meanwhile: the copy will know soon.
  if (!(await addFinalizer(deps.kube, "Config", kept))) return { after: deps.pace().urgentMs };
  const config = configs.get(name);
  if (!config) {
    const why = configs.unreadable().find(({ object }) => object === stored)?.problem;
    const message = `Cannot roll out nicd: ${why}: mend Config ${name}`;
    deps.events.record(stored, { type: "Warning", reason: "DaemonSetRefused", message });
    return { after: deps.pace().longMs };
  }
  try {
    // Read each time: Multus comes and goes without telling us, and a few dozen objects once in ten minutes are nothing.
    const { items } = await deps.kube.list("DaemonSet");
    const wanted = daemonSet(config, {
      namespace: deps.namespace,
      image: deps.image,
      cniBinDir: multusFolder(items),
    });
    const { namespace } = deps;
    const own = items.find(({ metadata: m }) => m.name === name && m.namespace === namespace);
    await takeOver(own, deps);
    // Server-side apply leaves what others set and is a no-op when nothing changed.
    await deps.kube.apply("DaemonSet", wanted, { manager });
  } catch (error) {
    const code = codeOf(error);
    if (code === "Invalid" || code === undefined) {
      const message = `Cannot roll out nicd: ${explain(error)}: mend Config ${name}`;
      deps.events.record(config, { type: "Warning", reason: "DaemonSetRefused", message });
    }
    throw error;
  }
  return { after: deps.pace().longMs };
}

/** Makes v1.3's own fields of the DaemonSet ours, once, so that those we do not want go. */
async function takeOver(stored: Kinds["DaemonSet"] | undefined, deps: Deps): Promise<void> {
  if (!stored) return;
  const { name, namespace, resourceVersion, managedFields } = stored.metadata;
  const taken = takeoverFields(managedFields ?? [], manager);
  if (!taken) return;
  const metadata = { resourceVersion, managedFields: taken };
  await deps.kube.patch("DaemonSet", name, { metadata }, { namespace });
  deps.log.info("took over the DaemonSet of an earlier version", { daemonSet: name });
}

/**
 * A nicd that sees its Config being deleted takes its rules, routes and programs off the host and reports so; when every
 * one that is alive has done that, the DaemonSet goes, and then the finalizer.
 */
async function cleanUp(config: KubeObject, deps: Deps): Promise<Next> {
  const { ready } = daemonsOf(deps);
  const busy = deps.stores.hostInterfaces
    .list()
    .filter((host) => ready.has(host.metadata.name) && (hasRoutes(host) || hasPrograms(host)))
    .map((host) => host.metadata.name);
  if (busy.length > 0) {
    const shown = busy.slice(0, 5).join(", ");
    const more = busy.length > 5 ? ` and ${busy.length - 5} more` : "";
    const message = `Waiting for nicd to clean up on ${shown}${more}: it keeps the CNI programs while pods of its networks run there; delete those pods`;
    deps.events.record(config, { type: "Normal", reason: "WaitingForHosts", message });
    deps.log.info("waiting for hosts to be cleaned", { hosts: busy });
    return { after: deps.pace().urgentMs };
  }
  await deps.kube.remove("DaemonSet", config.metadata.name, { namespace: deps.namespace });
  await dropFinalizer(deps.kube, "Config", { object: config, finalizer: configFinalizer });
  return "done";
}

function hasRoutes(host: HostInterface): boolean {
  return (host.status?.networks ?? []).length > 0;
}

function hasPrograms(host: HostInterface): boolean {
  const { conditions = [] } = host.status ?? {};
  return conditions.some((c) => c.type === "CNIInstalled" && c.status === "True");
}
