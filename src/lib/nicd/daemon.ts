import { existsSync } from "node:fs";
import { Failure } from "../errors.ts";
import { type Clock, systemClock } from "../kube/clock.ts";
import { type Controller, runControllers } from "../kube/controller.ts";
import { createEvents } from "../kube/events.ts";
import { serveHealth } from "../kube/health.ts";
import { keepHeapSmall } from "../kube/heap.ts";
import type { Kube } from "../kube/kube.ts";
import { countReconciles } from "../kube/reconcilemetrics.ts";
import { watchKernel } from "../linux/monitor.ts";
import { openKernel } from "../linux/rtnetlink.ts";
import type { Log, LogLevel } from "../log.ts";
import type { Link } from "../netlink/types.ts";
import { faultCode } from "../node/contract.ts";
import { socketPath, tombstoneDirs } from "../node/paths.ts";
import { countingConfig } from "../plan/countingconfig.ts";
import { logLevelOf } from "../plan/loglevel.ts";
import type { Sha256 } from "../plan/names.ts";
import { paceOf } from "../plan/pace.ts";
import { environment, type NodePaths } from "../settings.ts";
import { attachable } from "./attachable.ts";
import { Collector, readBootId } from "./collector.ts";
import { allSynced, createCopies, feedView } from "./copies.ts";
import { CriSandboxes } from "./cri.ts";
import { createDiscovery } from "./discovery.ts";
import { forgetNode } from "./forget.ts";
import { HostEvents } from "./hostevents.ts";
import { LastRefusals } from "./lastrefusals.ts";
import { createLeaving } from "./leaving.ts";
import { unassignLost } from "./lostaddresses.ts";
import { type ObserveRequest, registerNodeMetrics } from "./metrics.ts";
import { openNodeRecord } from "./noderecord.ts";
import { NodeWork } from "./nodework.ts";
import { offerNics } from "./offernics.ts";
import { type HardwarePaths, readPodHardware } from "./podhardware.ts";
import { CniPrograms, type ProgramsOptions } from "./programs.ts";
import { programsWork } from "./programswork.ts";
import { publishPools } from "./publishpools.ts";
import { recordReply } from "./recordreply.ts";
import { followResources } from "./resourcenames.ts";
import { serveNode } from "./server.ts";
import { tellHost, tellPod } from "./troubleevents.ts";

export interface DaemonOptions {
  readonly kube: Kube;
  readonly node: string;
  readonly paths: NodePaths;
  /** CRI sockets to look for, the first that exists counts. */
  readonly criSockets: readonly string[];
  /** Files and socket that tell of pods' devices. */
  readonly devices: Pick<HardwarePaths, "checkpoint" | "podResources" | "topology">;
  /** Where the CNI programs are installed from and to; undefined = somebody else does that, as in the lab. */
  readonly programs: Omit<ProgramsOptions, "log" | "now"> | undefined;
  /** Port of health and metrics; 0 = none. */
  readonly healthPort: number;
  readonly log: Log;
  /** Told the level that Config asks for, now and at every change. */
  readonly setLogLevel?: ((level: LogLevel) => void) | undefined;
  /** Told how long one call to the API server may take (Config's contextTimeoutMinutes), likewise. */
  readonly setContextMs?: ((ms: number) => void) | undefined;
  readonly sha256: Sha256;
}

/**
 * Runs a node's daemon until `signal` fires. Pods are served as soon as the record is open and the NICs have been looked
 * at: whether the API server answers does not matter to them.
 */
export async function runDaemon(options: DaemonOptions, signal: AbortSignal): Promise<void> {
  const { kube, node, paths, log } = options;
  const bootId = readBootId();
  using kernel = openKernel();
  const host = { kernel, sysRoot: paths.sysRoot };
  const record = openNodeRecord({ paths, node, bootId, now: Date.now, log, host });
  const { store, view, attachments, lent } = record;
  let forget = false;
  try {
    const clock: Clock = systemClock;
    const discovery = createDiscovery({
      kernel,
      sysRoot: paths.sysRoot,
      attachedMasters: () => attachments.mastersInUse(),
      beforeLook: () => lent?.restore(),
      anyAway: () => lent?.anyAway() === true,
      clock,
      log,
    });
    // Listens before the first look, so that nothing is missed between.
    // A user's own rows may name any link.
    const concerns = (link: Link) =>
      discovery.concerns(link) ||
      view.nics()?.some(({ interfaceName }) => interfaceName === link.name) === true;
    const follow = () => new HostEvents(concerns).sift(watchKernel({}, signal));
    const [nicEvents, routeEvents] = [follow(), follow()];
    const following = discovery.run(nicEvents, signal);

    const criSocket = options.criSockets.find((path) => existsSync(path));
    const copies = createCopies(kube, { ...options, withPods: criSocket === undefined }, signal);
    feedView(copies, view, signal);
    followResources({ kube, networks: copies.networks, view, log }, signal);
    offerNics({ discovery, copies, view, store, node }, signal);

    const events = createEvents(kube, { component: "multinic-nicd", host: node, log });
    const refusals = new LastRefusals();
    let observeRequest: ObserveRequest | undefined;
    let mend: NodeWork["mend"] | undefined;
    const server = await serveNode({
      attachments,
      view,
      record: (request) =>
        recordReply(request, {
          store,
          attachments,
          copies,
          node,
          bootId,
          criSocket,
          now: Date.now,
        }),
      mend: async (request) => {
        if (mend) return mend(request);
        throw new Failure("nicd has just started", { code: String(faultCode.tryLater) });
      },
      log,
      socket: socketPath(paths),
      observe: (verb, seconds, code) => observeRequest?.(verb, seconds, code),
      hardware: ({ pod, network }) =>
        readPodHardware(pod, {
          paths: { ...paths, ...options.devices },
          nics: (view.nics() ?? []).map((nic) => nic.pciAddress ?? ""),
          network: view.resources(network),
          log,
        }),
      node,
      refusals,
      refused: (request, error) => {
        refusals.add(request, { error, at: Date.now() });
        tellPod(events, request, error);
      },
    });
    const sandboxes = criSocket === undefined ? undefined : new CriSandboxes(criSocket);
    const podUids = () =>
      copies.pods?.synced
        ? new Set(copies.pods.list().map((pod) => pod.metadata.uid ?? ""))
        : undefined;
    const collector = new Collector({
      attachments,
      log,
      now: () => performance.now(),
      bootId,
      sandboxes,
      podUids,
      unassign: async (record) => {
        // Most nodes are no EC2 instances.
        const { runProgram } = await import("../linux/exec.ts");
        const argv0 = "aws-ipvlan";
        await unassignLost(record, ({ env, stdin }) =>
          runProgram(process.execPath, { env: { ...environment(), ...env }, stdin, argv0 }),
        );
      },
    });
    const config = () => countingConfig(copies.configs.list());
    copies.configs.onChange(() => {
      options.setLogLevel?.(logLevelOf(config()?.spec.logLevel));
      options.setContextMs?.(paceOf(config()?.spec).contextMs);
    });
    const leaving = createLeaving(copies.configs.stored);
    const programs =
      options.programs && new CniPrograms({ ...options.programs, log, now: Date.now });
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
        tombstones: tombstoneDirs(paths),
        leaving,
        pace: () => paceOf(config()?.spec),
        measured: (rates) => view.setRates(rates),
        conditions: () => [
          attachable(copies.networks.list(), attachments, view),
          ...(programs ? [programs.condition] : []),
        ],
      },
      signal,
    );
    mend = (request) => work.mend(request);
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
              ...(programs && { programs: () => programs.settled }),
            },
          });
    let counted = (controller: Controller) => controller;
    if (health) {
      counted = await countReconciles(health.registry);
      observeRequest = await registerNodeMetrics(health.registry, {
        attachments,
        pools: copies.pools,
        networks: () => work.networks,
        installed: () => programs?.installed,
      });
    }
    const controllers = [
      ...work.controllers,
      publishPools({ kube, pools: copies.pools, attachments, log }, signal),
    ];
    if (programs) {
      const changed = () => {
        tellHost(events, copies.hostInterfaces.get(node), programs.condition);
        work.publishSoon();
      };
      const { configs } = copies;
      const deps = { programs, attachments, configs, leaving, changed, log };
      controllers.push(programsWork(deps, signal));
    }
    log.info("serving", { node, socket: socketPath(paths), cri: criSocket ?? "none" });
    try {
      await Promise.all([
        runControllers(controllers.map(counted), signal),
        work.follow(routeEvents, signal),
        keepHeapSmall(clock, signal, health?.registry),
        following,
      ]);
    } finally {
      forget = leaving() === true && attachments.list().length === 0;
      await health?.stop();
      await server.stop();
      sandboxes?.close();
    }
  } finally {
    record.close();
    if (forget) forgetNode(paths);
  }
}
