import type { Registry } from "prom-client";
import { systemClock } from "../kube/clock.ts";
import {
  anyChange,
  type Controller,
  runControllers,
  type Source,
  source,
} from "../kube/controller.ts";
import { createEvents } from "../kube/events.ts";
import { fence } from "../kube/fence.ts";
import { keepHeapSmall } from "../kube/heap.ts";
import type { Kube, Store } from "../kube/kube.ts";
import { holdLease, type Leadership } from "../kube/lease.ts";
import type { Log, LogLevel } from "../log.ts";
import { countingConfig } from "../plan/countingconfig.ts";
import { logLevelOf } from "../plan/loglevel.ts";
import { networkOf } from "../plan/networkof.ts";
import { paceOf } from "../plan/pace.ts";
import { hostConcerns, onlyWhen, poolConcerns } from "./concerns.ts";
import { reconcileConfig } from "./config.ts";
import { defaultConfigOnce } from "./defaultconfig.ts";
import type { Deps } from "./deps.ts";
import { createDeviceStores, devicesAnswered } from "./devicestores.ts";
import { hasAbandoned, stripAbandoned } from "./finalizers.ts";
import { type MissingSince, reconcileHostInterface } from "./hostinterface.ts";
import { type OperatorMetrics, registerOperatorMetrics } from "./metrics.ts";
import { reconcileNetwork } from "./network.ts";
import type { OrphanedSince } from "./orphans.ts";
import { settled, settleTime } from "./settle.ts";
import { createStores, storesReady } from "./stores.ts";

export interface OperatorOptions {
  readonly kube: Kube;
  readonly namespace: string;
  readonly image: string | undefined;
  /** Who contends for the lease: unique among replicas and restarts. */
  readonly identity: string;
  readonly log: Log;
  /** Told the level that Config asks for, now and at every change. */
  readonly setLogLevel?: ((level: LogLevel) => void) | undefined;
  /** Told how long one call to the API server may take (Config's contextTimeoutMinutes), likewise. */
  readonly setContextMs?: ((ms: number) => void) | undefined;
  /** Where metrics are registered; undefined = none are kept. */
  readonly registry?: Registry | undefined;
  readonly now: () => number;
  readonly sha256: (text: string) => string;
  /** False = no lease: only one operator runs, as in tests. */
  readonly elect: boolean;
}

/** After an outage of the API server nothing waits longer than this for its next attempt. */
const longestBackoffMs = 30_000;
const rollMs = 1000;

/** Runs the operator until `signal` fires: copies of all objects at once, controllers while it leads. */
export async function runOperator(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { kube, log, namespace } = options;
  void keepHeapSmall(systemClock, signal, options.registry);
  const stores = createStores(kube, { namespace, log }, signal);
  const devices = createDeviceStores(kube, { log }, signal);
  stores.configs.onChange(() => {
    const spec = countingConfig(stores.configs.list())?.spec;
    options.setLogLevel?.(logLevelOf(spec?.logLevel));
    options.setContextMs?.(paceOf(spec).contextMs);
  });
  await storesReady(stores, signal);
  await devicesAnswered(devices);
  const metrics = options.registry && (await registerOperatorMetrics(options.registry, stores));
  if (!options.elect) return lead(options, { stores, devices }, { kube, signal, metrics });
  await holdLease(
    kube,
    {
      namespace,
      name: "multi-nic-cni-operator",
      identity: options.identity,
      log,
      lead: (leadership: Leadership) =>
        lead(
          options,
          { stores, devices },
          {
            kube: fence(kube, leadership.check),
            signal: leadership.signal,
            metrics,
          },
        ),
    },
    signal,
  );
}

async function lead(
  options: OperatorOptions,
  { stores, devices }: Pick<Deps, "stores" | "devices">,
  as: {
    readonly kube: Kube;
    readonly signal: AbortSignal;
    readonly metrics: OperatorMetrics | undefined;
  },
): Promise<void> {
  const { log, namespace, image, now, sha256 } = options;
  const events = createEvents(as.kube, { component: "multinic-operator", log });
  const deps: Deps = {
    kube: as.kube,
    stores,
    devices,
    events,
    log,
    now,
    sha256,
    namespace,
    image,
    pace: () => paceOf(countingConfig(stores.configs.list())?.spec),
  };
  log.info("leading");
  const { metrics } = as;
  metrics?.leads(true);
  try {
    const all = controllers(deps);
    await runControllers(metrics ? all.map(metrics.count) : all, as.signal);
  } finally {
    metrics?.leads(false);
  }
  await events.flush();
}

/** What wakes which controller. */
function controllers(deps: Deps): Controller[] {
  const { stores, log } = deps;
  const settle = settleTime(deps.now);
  const missingSince: MissingSince = new Map();
  const orphanedSince: OrphanedSince = new Map();
  const everyNetwork = () => stores.networks.list().map((network) => network.metadata.name);
  const wakesAll = (store: Store<unknown>): Source =>
    settled(source(store, everyNetwork), settle.ms);
  const own = <T extends { metadata: { name: string } }>(store: Store<T>): Source =>
    source(store, (object) => [object.metadata.name]);
  return [
    {
      name: "network",
      log,
      maxMs: longestBackoffMs,
      reconcile: (name) => settle.measure(() => reconcileNetwork(name, { ...deps, orphanedSince })),
      sources: [
        // An overlap concerns both networks, so each change of one is looked at by all.
        wakesAll(stores.networks),
        wakesAll(onlyWhen(stores.hostInterfaces, hostConcerns)),
        wakesAll(stores.namespaces),
        wakesAll(stores.nodes),
        wakesAll(stores.daemons),
        wakesAll(stores.configs),
        ...deviceSources(deps).map((from) => settled(from, settle.ms)),
        settled(
          source(stores.cidrs.stored, (cidr) => [networkOf(cidr)]),
          settle.ms,
        ),
        settled(
          source(onlyWhen(stores.pools.stored, poolConcerns(stores.networks)), (pool) => [
            networkOf(pool),
          ]),
          settle.ms,
        ),
        settled(
          source(stores.definitions, (one) => [one.metadata.name]),
          settle.ms,
        ),
      ],
    },
    {
      name: "hostinterface",
      log,
      reconcile: (name) => reconcileHostInterface(name, { ...deps, missingSince }),
      sources: [
        own(stores.hostInterfaces.stored),
        source(stores.nodes, (node) => [node.metadata.name]),
        source(stores.daemons, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : [])),
      ],
    },
    defaultConfigOnce(deps),
    {
      name: "config",
      log,
      reconcile: (name) => reconcileConfig(name, deps),
      sources: [
        own(stores.configs.stored),
        // A rolling DaemonSet's status changes with every pod.
        settled(
          source(stores.daemonSets, (one) => [one.metadata.name]),
          () => rollMs,
        ),
      ],
    },
    {
      name: "abandoned-finalizers",
      log,
      reconcile: async (key) => {
        await stripFrom(key, deps);
        return "done";
      },
      sources: [
        source(stores.cidrs.stored, (cidr) =>
          hasAbandoned(cidr) ? [`CIDR ${cidr.metadata.name}`] : [],
        ),
        source(stores.pools.stored, (pool) =>
          hasAbandoned(pool) ? [`IPPool ${pool.metadata.name}`] : [],
        ),
      ],
    },
  ];
}

/** Networks whose devices other operators provide look again when those say something, come or go. */
function deviceSources({ stores, devices }: Deps): Source[] {
  const of = (type: string) => () =>
    stores.networks
      .list()
      .filter((network) => network.spec.plugin.type === type)
      .map((network) => network.metadata.name);
  return [
    anyChange(devices.sriovNetworks, of("sriov")),
    anyChange(devices.sriovPolicies, of("sriov")),
    anyChange(devices.sriovStates, of("sriov")),
    anyChange(devices.nicPolicies, of("mellanox")),
  ];
}

async function stripFrom(key: string, deps: Deps): Promise<void> {
  const [kind, name = ""] = key.split(" ");
  if (kind === "CIDR") {
    const cidr = deps.stores.cidrs.stored.get(name);
    if (cidr) await stripAbandoned(deps.kube, "CIDR", cidr);
  } else {
    const pool = deps.stores.pools.stored.get(name);
    if (pool) await stripAbandoned(deps.kube, "IPPool", pool);
  }
}
