import { isUnmanaged, offeredRows } from "../plan/hostinterface.ts";
import type { Copies } from "./copies.ts";
import type { NicDiscovery } from "./discovery.ts";
import type { Store } from "./store.ts";
import { soundHostInterface } from "./storedobject.ts";
import type { StoredView } from "./view.ts";

/** Key under which the last seen own HostInterface is kept on disk: a user's rows must outlive an API outage. */
const ownObject = "HostInterface";

/** Keeps the view's NICs what counts on this host: the user's rows where he wrote them, else the discovered ones. */
export function offerNics(
  of: {
    discovery: Pick<NicDiscovery, "current" | "parents" | "names" | "onChange">;
    copies: { readonly hostInterfaces: Pick<Copies["hostInterfaces"], "onChange" | "unreadable"> };
    view: StoredView;
    store: Store;
    node: string;
  },
  signal: AbortSignal,
): void {
  const { discovery, copies, view, store, node } = of;
  const kept = store.objects(ownObject).find(({ name }) => name === node);
  let own = kept && soundHostInterface(JSON.parse(kept.json));
  const offer = () => {
    const found = discovery.current;
    if (!found) return;
    const unlinkable = found.interfaces.flatMap((nic) =>
      nic.reason === "IPoIB" ? [nic.interfaceName] : [],
    );
    // A NIC that was moved into a pod is that pod's alone until it comes back.
    const away = new Set(
      found.interfaces.flatMap((nic) => (nic.reason === "InPod" ? [nic.interfaceName] : [])),
    );
    const rows = offeredRows(found.rows, own).filter((row) => !away.has(row.interfaceName));
    view.setNics(rows, {
      parents: discovery.parents,
      names: discovery.names,
      unlinkable: new Set(unlinkable),
      states: new Map(found.interfaces.map((nic) => [nic.interfaceName, nic])),
    });
  };
  const stops = [
    discovery.onChange(offer),
    copies.hostInterfaces.onChange((_before, after) => {
      // Rows of the user that cannot be read are still his: what he wrote before counts, and without that none of his NICs.
      const spoiled = after && copies.hostInterfaces.unreadable().length > 0;
      if (spoiled && own && isUnmanaged(own) && isUnmanaged(after)) return;
      own = after;
      if (after) {
        const { apiVersion, kind, metadata, spec } = after;
        const { name, labels } = metadata;
        store.putObject(
          ownObject,
          node,
          JSON.stringify({ apiVersion, kind, metadata: { name, labels }, spec }),
        );
      } else store.deleteObject(ownObject, node);
      offer();
    }),
  ];
  signal.addEventListener(
    "abort",
    () => {
      for (const stop of stops) stop();
    },
    { once: true },
  );
  offer();
}
