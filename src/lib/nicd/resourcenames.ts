import type { MultiNicNetwork, NetworkAttachmentDefinition } from "../api/kinds.ts";
import type { KubeObject } from "../api/meta.ts";
import { createInformer } from "../kube/informer.ts";
import type { Kube, Store } from "../kube/kube.ts";
import type { Log } from "../log.ts";
import { resourceNameAnnotation } from "../plan/definition.ts";
import { compareNames } from "../plan/names.ts";
import type { StoredView } from "./view.ts";

/** Plugin types whose definitions name device-plugin resources. */
const withDevices: ReadonlySet<string> = new Set(["sriov", "mellanox"]);

type Networks = Pick<Store<MultiNicNetwork>, "get" | "onChange"> & {
  /** The same ones as they are stored, where some may be left out of it. */
  readonly stored?: Pick<Store<KubeObject>, "onChange">;
};

/**
 * Keeps the view's resources what the definitions of device networks say. Only these are watched, each by its name: other
 * networks' definitions, one for every namespace, are no business of a node.
 */
export function followResources(
  of: { kube: Kube; networks: Networks; view: StoredView; log: Log },
  signal: AbortSignal,
): void {
  const { kube, networks, view, log } = of;
  const following = new Map<string, AbortController>();
  const follow = (network: string) => {
    if (following.has(network)) return;
    const own = new AbortController();
    following.set(network, own);
    const until = AbortSignal.any([signal, own.signal]);
    const selection = { fieldSelector: `metadata.name=${network}` };
    const store = createInformer(kube, "NetworkAttachmentDefinition", {
      selection,
      log,
      signal: until,
    });
    const tell = () => {
      if (store.synced && !until.aborted) {
        view.setResources(network, resourcesOfDefinitions(network, store.list()));
      }
    };
    store.onChange(tell);
    // It stops with the program, or with its network.
    store.ready(until).then(tell, () => {});
  };
  const leave = (network: string) => {
    following.get(network)?.abort();
    following.delete(network);
    view.setResources(network, []);
  };
  const stop = (networks.stored ?? networks).onChange((before, after) => {
    const network = after && networks.get(after.metadata.name);
    // One that cannot be read still is what it was.
    if (after && !network) return;
    if (network && withDevices.has(network.spec.plugin.type)) follow(network.metadata.name);
    else if (before || after) leave((after ?? before)?.metadata.name ?? "");
  });
  signal.addEventListener("abort", stop, { once: true });
}

/** Returns the resources that a network's own definitions name; they are alike in all namespaces, and the first that names some counts. */
export function resourcesOfDefinitions(
  network: string,
  definitions: readonly NetworkAttachmentDefinition[],
): string[] {
  const own = definitions
    .filter(({ metadata }) =>
      metadata.ownerReferences?.some(
        ({ kind, name }) => kind === "MultiNicNetwork" && name === network,
      ),
    )
    .sort((a, b) => compareNames(a.metadata.namespace ?? "", b.metadata.namespace ?? ""));
  const texts = own.map(({ metadata }) => metadata.annotations?.[resourceNameAnnotation] ?? "");
  const names = texts.find((text) => text.trim() !== "")?.split(",") ?? [];
  return [...new Set(names.map((name) => name.trim()).filter((name) => name !== ""))];
}
