import type { HostInterface, MultiNicNetwork } from "../api/kinds.ts";
import type { KubeObject } from "../api/meta.ts";
import { isRecord } from "../kube/answer.ts";
import type { Store } from "../kube/kube.ts";
import { networkOf } from "../plan/networkof.ts";

/** Tells whether a change of a HostInterface matters to networks: traffic rates of 5,000 hosts do not. */
export function hostConcerns(
  before: HostInterface | undefined,
  after: HostInterface | undefined,
): boolean {
  if (!before || !after) return true;
  const { deletionTimestamp, labels } = after.metadata;
  return !(
    Bun.deepEquals(before.spec, after.spec) &&
    Bun.deepEquals(before.status?.networks, after.status?.networks) &&
    Bun.deepEquals(before.status?.leaving, after.status?.leaving) &&
    Bun.deepEquals(mtusOf(before), mtusOf(after)) &&
    Bun.deepEquals(before.metadata.labels, labels) &&
    before.metadata.deletionTimestamp === deletionTimestamp
  );
}

/**
 * Makes the test whether a change of a pool matters to its network: each pod of 5,000 hosts does not, only the first and the last
 * that hold addresses of it, and each while the network is being deleted, whose status names them.
 */
export function poolConcerns(networks: Pick<Store<MultiNicNetwork>, "get">) {
  return (before: KubeObject | undefined, after: KubeObject | undefined): boolean => {
    if (!before || !after) return true;
    const isLeaving = networks.get(networkOf(after))?.metadata.deletionTimestamp !== undefined;
    return isLeaving || !Bun.deepEquals(withoutPods(before), withoutPods(after));
  };
}

/** What operator and users say of a pool, and whether it is in use; of one that cannot be read, all. */
function withoutPods(pool: KubeObject & { readonly spec?: unknown }): unknown {
  const { metadata, spec } = pool;
  if (!isRecord(spec) || !Array.isArray(spec["allocations"])) return pool;
  // These follow every write.
  const written = { resourceVersion: "", generation: 0, managedFields: [] };
  const isInUse = spec["allocations"].length > 0;
  return { metadata: { ...metadata, ...written }, spec: { ...spec, allocations: isInUse } };
}

function mtusOf({ status }: HostInterface): unknown {
  return status?.interfaces?.map(({ interfaceName, mtu }) => [interfaceName, mtu]);
}

/** Tells listeners only of some changes of a store. */
export function onlyWhen<T>(
  store: Store<T>,
  matters: (before: T | undefined, after: T | undefined) => boolean,
): Store<T> {
  return {
    get synced() {
      return store.synced;
    },
    get: (name, namespace) => store.get(name, namespace),
    list: () => store.list(),
    ready: (signal) => store.ready(signal),
    onChange: (listener) =>
      store.onChange((before, after) => {
        if (matters(before, after)) listener(before, after);
      }),
  };
}
