import { existsSync } from "node:fs";
import type { HostInterface } from "../api/kinds.ts";
import { type Clock, systemClock } from "../kube/clock.ts";
import { runControllers } from "../kube/controller.ts";
import { serveHealth } from "../kube/health.ts";
import type { Kube } from "../kube/kube.ts";
import { watchKernel } from "../linux/monitor.ts";
import { openKernel } from "../linux/rtnetlink.ts";
import type { Log } from "../log.ts";
import { socketPath, tombstoneDir } from "../node/paths.ts";
import { offeredRows } from "../plan/hostinterface.ts";
import type { Sha256 } from "../plan/names.ts";
import type { NodePaths } from "../settings.ts";
import { Collector, readBootId } from "./collector.ts";
import { allSynced, type Copies, createCopies, feedView } from "./copies.ts";
import { CriSandboxes } from "./cri.ts";
import { createDiscovery, type NicDiscovery } from "./discovery.ts";
import { openNodeRecord } from "./noderecord.ts";
import { NodeWork } from "./nodework.ts";
import { publishPools } from "./publishpools.ts";
import { serveNode } from "./server.ts";
import type { Store } from "./store.ts";
import type { StoredView } from "./view.ts";

export interface DaemonOptions {
  readonly kube: Kube;
  readonly node: string;
  readonly paths: NodePaths;
  /** CRI sockets to look for, the first that exists counts. */
  readonly criSockets: readonly string[];
  /** Port of health and metrics; 0 = none. */
  readonly healthPort: number;
  readonly log: Log;
  readonly sha256: Sha256;
}

/** Key under which the last seen own HostInterface is kept on disk: a user's rows must outlive an API outage. */
const ownObject = "HostInterface";

/**
 * Runs a node's daemon until `signal` fires. Pods are served as soon as the record is open and the NICs have been looked
 * at: whether the API server answers does not matter to them.
 */
export async function runDaemon(options: DaemonOptions, signal: AbortSignal): Promise<void> {
  const { kube, node, paths, log } = options;
  const bootId = readBootId();
  const { store, view, attachments } = openNodeRecord({ paths, node, bootId, now: Date.now, log });
  using kernel = openKernel();
  try {
    const clock: Clock = systemClock;
    const discovery = createDiscovery({
      kernel,
      sysRoot: paths.sysRoot,
      attachedMasters: () => attachments.mastersInUse(),
      clock,
      log,
    });
    // Listens before the first look, so that nothing is missed between.
    const nicEvents = watchKernel({}, signal);
    const routeEvents = watchKernel({}, signal);
    const following = discovery.run(nicEvents, signal);

    const criSocket = options.criSockets.find((path) => existsSync(path));
    const copies = createCopies(kube, { ...options, withPods: criSocket === undefined }, signal);
    feedView(copies, view, signal);
    offerNics({ discovery, copies, view, store, node }, signal);

    const server = await serveNode({ attachments, view, log, socket: socketPath(paths) });
    const sandboxes = criSocket === undefined ? undefined : new CriSandboxes(criSocket);
    const podUids = () =>
      copies.pods?.synced
        ? new Set(copies.pods.list().map((pod) => pod.metadata.uid ?? ""))
        : undefined;
    const collector = new Collector({
      attachments,
      log,
      now: Date.now,
      bootId,
      sandboxes,
      podUids,
    });
    const work = new NodeWork(
      {
        ...options,
        kernel,
        store,
        attachments,
        discovery,
        copies,
        collector,
        clock,
        tombstones: tombstoneDir(paths),
      },
      signal,
    );
    const health =
      options.healthPort === 0
        ? undefined
        : await serveHealth({
            port: options.healthPort,
            ready: {
              discovery: () =>
                discovery.current !== undefined || "the NICs have not been looked at",
              copies: () => allSynced(copies) || "the API server has not been read yet",
              routes: () => work.routesSeen || "the host's routes have not been compared yet",
            },
          });
    log.info("serving", { node, socket: socketPath(paths), cri: criSocket ?? "none" });
    try {
      await Promise.all([
        runControllers(
          [work.controller, publishPools({ kube, pools: copies.pools, attachments, log }, signal)],
          signal,
        ),
        work.follow(routeEvents, signal),
        following,
      ]);
    } finally {
      await health?.stop();
      await server.stop();
      sandboxes?.close();
    }
  } finally {
    store.close();
  }
}

/** Keeps the view's NICs what counts on this host: the user's rows where he wrote them, else the discovered ones. */
function offerNics(
  of: { discovery: NicDiscovery; copies: Copies; view: StoredView; store: Store; node: string },
  signal: AbortSignal,
): void {
  const { discovery, copies, view, store, node } = of;
  const kept = store.objects(ownObject).find(({ name }) => name === node);
  let own: HostInterface | undefined = kept ? JSON.parse(kept.json) : undefined;
  const offer = () => {
    const found = discovery.current;
    if (!found) return;
    const unlinkable = found.interfaces.flatMap((nic) =>
      nic.reason === "IPoIB" ? [nic.interfaceName] : [],
    );
    view.setNics(offeredRows(found.rows, own), {
      parents: discovery.parents,
      unlinkable: new Set(unlinkable),
    });
  };
  const stops = [
    discovery.onChange(offer),
    copies.hostInterfaces.onChange((_before, after) => {
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
