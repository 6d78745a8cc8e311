import type { KubeObject } from "../api/meta.ts";
import type { Store as ObjectStore } from "../kube/kube.ts";
import type { CopyState, RecordReply, RecordRequest } from "../node/contract.ts";
import type { Attachments } from "./attachments.ts";
import type { Copies } from "./copies.ts";
import type { Store } from "./store.ts";

export interface RecordSources {
  readonly store: Pick<Store, "tables" | "graves">;
  readonly attachments: Pick<Attachments, "list">;
  readonly copies: Copies;
  readonly node: string;
  readonly bootId: string;
  readonly criSocket: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Tells all that is on record, and how whole nicd's copies of objects are. */
export function recordReply(request: RecordRequest, from: RecordSources): RecordReply {
  const { store, attachments, copies, node, bootId, criSocket, now } = from;
  const { slices, networks, pools, hostInterfaces } = copies;
  return {
    node,
    bootId,
    attachments: attachments.list(),
    tables: store.tables.list(),
    graves: store.graves.list(now()),
    cri: criSocket ?? "",
    copies: {
      CIDR: stateOf(slices.stored),
      MultiNicNetwork: stateOf(networks.stored),
      IPPool: stateOf(pools.stored),
      HostInterface: stateOf(hostInterfaces.stored),
    },
    ...(request.objects && {
      objects: {
        CIDR: slices.list(),
        MultiNicNetwork: networks.list(),
        IPPool: pools.list(),
        HostInterface: hostInterfaces.list(),
        unreadable: [slices, networks, pools, hostInterfaces].flatMap((one) => one.unreadable()),
      },
    }),
  };
}

function stateOf(copy: Pick<ObjectStore<KubeObject>, "synced" | "list">): CopyState {
  const versions = copy
    .list()
    .map(({ metadata }) => [metadata.name, metadata.resourceVersion ?? ""]);
  return { synced: copy.synced, versions: Object.fromEntries(versions) };
}
