import type { NetworkRoutesStatus } from "../api/kinds.ts";
import type { Clock } from "../kube/clock.ts";
import { type Controller, type Next, source } from "../kube/controller.ts";
import type { Kube } from "../kube/kube.ts";
import { createQueue, type Queue } from "../kube/queue.ts";
import type { Kernel, KernelEvent } from "../linux/kernel.ts";
import type { Log } from "../log.ts";
import type { MendReply, MendRequest } from "../node/contract.ts";
import {
  type HostReport,
  isUnmanaged,
  type SaidCondition,
  sameValue,
} from "../plan/hostinterface.ts";
import { busiestStat, type NicStat, type Rates } from "../plan/nic-rates.ts";
import type { Pace } from "../plan/pace.ts";
import type { NodePaths } from "../settings.ts";
import type { Attachments } from "./attachments.ts";
import type { Collector } from "./collector.ts";
import type { Copies } from "./copies.ts";
import type { NicDiscovery } from "./discovery.ts";
import { LastRoutes } from "./lastroutes.ts";
import { localWork } from "./localwork.ts";
import { mendNode } from "./mend.ts";
import { publishHostInterface } from "./publishhostinterface.ts";
import { longestBackoffMs, poolMirror } from "./publishpools.ts";
import { NicRates } from "./rates.ts";
import {
  dryRoutes,
  type RoutesDeps,
  reconcileRoutes,
  removeRoutes,
  touchesRoutes,
} from "./routes.ts";
import type { Store } from "./store.ts";

export interface NodeWorkDeps {
  readonly kube: Kube;
  readonly node: string;
  readonly paths: NodePaths;
  readonly kernel: Kernel;
  readonly store: Store;
  readonly attachments: Attachments;
  readonly discovery: NicDiscovery;
  readonly copies: Copies;
  readonly collector: Collector;
  readonly clock: Clock;
  readonly log: Log;
  /** Folders of the detaches that were left while nicd was away. */
  readonly tombstones: readonly string[];
  /** Whether this host leaves for good; undefined while that is not known. */
  readonly leaving: () => boolean | undefined;
  /** Follows Config. */
  readonly pace: () => Pace;
  /** Told what was measured on NICs when it changed. */
  readonly measured: (rates: ReadonlyMap<string, Rates>) => void;
  /** What else the HostInterface's conditions say. */
  readonly conditions: () => readonly SaidCondition[];
}

/** The standing tasks of a node; each is one key of the queue, so none ever runs twice at a time. */
type Task = "routes" | "publish";

/** Changes of objects and of the kernel that come together are worked on once. */
const settleMs = 50;

/** Routes, the HostInterface object and lost attachments of one node. */
export class NodeWork {
  /** What needs the copies of objects, and what needs this host alone. */
  readonly controllers: readonly Controller[];
  readonly #deps: NodeWorkDeps;
  readonly #queue: Queue;
  readonly #routes: RoutesDeps;
  readonly #rates: NicRates;
  readonly #told = new LastRoutes();
  readonly #footprints = new Map<string, unknown>();
  /** How often the podCIDRs in use have changed. */
  #uses = 0;
  #adopted = false;
  #stat: NicStat | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: NodeWorkDeps, signal: AbortSignal) {
    this.#deps = deps;
    const { kernel, store, attachments, paths, log, node, clock, copies, discovery } = deps;
    this.#queue = createQueue({ maxMs: longestBackoffMs, clock });
    this.#rates = new NicRates({ kernel, clock });
    this.#routes = {
      hostName: node,
      kernel,
      tables: store.tables,
      attachedNetworks: () => new Set(attachments.list().map((record) => record.network)),
      inUse: (network, podCIDR) => attachments.allocationsOf(network, podCIDR).length > 0,
      iproute2Dir: paths.iproute2Dir,
      log,
    };
    const stops = [
      discovery.onChange(() => this.#ask("publish")),
      // The last attachment of a NIC that has left may let it go. For routes only the first and the last one of a network
      // or of a podCIDR count, and these only where it is not routed any more: a look at all routes of a large cluster is
      // not for every pod.
      attachments.onChange((network) => {
        const footprint = store.records.footprint(network);
        if (!sameValue(this.#footprints.get(network), footprint)) {
          this.#footprints.set(network, footprint);
          this.#uses++;
          if (!this.#told.use(network, footprint.podCIDRs)) this.#ask("routes");
        }
        this.#ask("publish");
        discovery.released();
      }),
    ];
    signal.addEventListener(
      "abort",
      () => {
        for (const stop of stops) stop();
      },
      { once: true },
    );
    const wake = (task: Task) => () => [task];
    const objects: Controller = {
      name: "node",
      log,
      queue: this.#queue,
      workers: 2,
      sources: [
        source(copies.slices.stored, wake("routes")),
        source(copies.networks.stored, () => ["routes", "publish"]),
        source(copies.configs.stored, wake("routes")),
        source(copies.hostInterfaces.stored, wake("publish")),
        source(copies.pools.stored, wake("publish")),
      ],
      reconcile: (key) => this.#run(key as Task),
    };
    for (const task of ["routes", "publish"] as const) this.#queue.add(task);
    this.controllers = [objects, localWork({ ...deps, measure: () => this.#measure() })];
  }

  /** True once the host's routes have been compared with what networks want. */
  get routesSeen(): boolean {
    return this.#told.networks !== undefined;
  }

  /** Routes by network, as last reported. */
  get networks(): readonly NetworkRoutesStatus[] {
    return this.#told.networks ?? [];
  }

  /** Looks at the routes again after each kernel event that may have changed them. */
  async follow(events: AsyncIterable<KernelEvent>, signal: AbortSignal): Promise<void> {
    for await (const event of events) {
      if (signal.aborted) return;
      if (touchesRoutes(event)) this.#ask("routes");
    }
  }

  /** Asks for another look at what the HostInterface says. */
  publishSoon(): void {
    this.#ask("publish");
  }

  /** Does now what is done from time to time, or only says what that would be. */
  mend(request: MendRequest): Promise<MendReply> {
    const { kube, copies, attachments, collector, tombstones, log } = this.#deps;
    const pools = poolMirror({ kube, pools: copies.pools, attachments, log });
    const routes = (dryRun: boolean) => this.#mendRoutes(dryRun);
    return mendNode(request, { tombstones, attachments, collector, pools, routes, log });
  }

  async #mendRoutes(dryRun: boolean): Promise<MendReply> {
    const steps = this.#deps.leaving() === false && dryRoutes(this.#routes, this.#deps.copies);
    if (!steps) {
      const why = "routes: the networks and CIDRs have not been read, or this host is leaving";
      return { steps: [], failures: [why] };
    }
    if (!dryRun && steps.length > 0) await this.#doRoutes();
    return { steps, failures: dryRun ? [] : this.networks.flatMap(failuresOf) };
  }

  #ask(task: Task): void {
    this.#queue.addAfter(task, settleMs);
  }

  async #run(task: Task): Promise<Next> {
    switch (task) {
      case "routes":
        return this.#doRoutes();
      case "publish":
        return this.#publish();
    }
  }

  /** One at a time: `multinic gc` may ask while the queue's turn runs. */
  #doRoutes(): Promise<Next> {
    const turn = this.#turn.then(() => this.#bringRoutes());
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #bringRoutes(): Promise<Next> {
    const { copies } = this.#deps;
    const leaving = this.#deps.leaving();
    if (leaving === undefined) return "done";
    const uses = this.#uses;
    const before =
      this.#told.networks ?? copies.hostInterfaces.get(this.#deps.node)?.status?.networks ?? [];
    const report = leaving
      ? await removeRoutes(this.#routes)
      : await reconcileRoutes(this.#routes, copies, before);
    // Until both lists are whole nothing is known; their first sync asks again.
    if (!report) return "done";
    if (this.#told.take(report)) this.#ask("publish");
    // What changed meanwhile may have been read before it did.
    if (uses !== this.#uses) this.#ask("routes");
    const { urgentMs, normalMs } = this.#deps.pace();
    // The quiet look mends what was changed without a notification.
    return { after: report.failed ? urgentMs : normalMs };
  }

  async #publish(): Promise<Next> {
    const { kube, copies, node, clock } = this.#deps;
    if (!copies.hostInterfaces.synced || !this.#told.networks) return "done";
    const stored = copies.hostInterfaces.get(node);
    if (!this.#adopted) {
      this.#adopted = true;
      if (stored && !isUnmanaged(stored)) this.#deps.discovery.adopt(stored.spec.interfaces);
    }
    const report = this.#report();
    if (!report) return { after: settleMs };
    const done = await publishHostInterface(report, {
      kube,
      wall: clock.wall,
      seen: () => copies.hostInterfaces.get(node),
    });
    // One that is being deleted is made anew when the watch says it is gone.
    return done.leaving ? { after: this.#deps.pace().urgentMs } : "done";
  }

  #report(): HostReport | undefined {
    const found = this.#deps.discovery.current;
    if (!found) return undefined;
    const rates = this.#rates.rates;
    return {
      hostName: this.#deps.node,
      rows: found.rows,
      interfaces: found.interfaces.map((row) => {
        const rate = rates.get(row.interfaceName);
        return rate ? { ...row, rates: rate } : row;
      }),
      networks: this.networks,
      // The view heard of it before this queue did: what is counted here is all that there will be.
      leaving: this.#deps.copies.networks.stored
        .list()
        .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
        .map(({ metadata: { name } }) => ({
          name,
          attachments: this.#deps.attachments.list(name).length,
        })),
      stat: this.#stat,
      conditions: [
        {
          type: "Ready",
          status: "True",
          reason: "Serving",
          message: "nicd serves pods on this node",
        },
        ...this.#deps.conditions(),
      ],
    };
  }

  #measure(): void {
    // What sysfs alone knows, such as a speed or new virtual functions, comes without an event.
    this.#deps.discovery.poke();
    if (!this.#rates.measure(this.#names())) return;
    this.#measured();
    this.#ask("publish");
  }

  /** Written only when rates moved, at most once a minute: a stat of its own time would be a write for nothing. */
  #measured(): void {
    const { attachments, clock, measured } = this.#deps;
    const { rates, counters } = this.#rates;
    measured(rates);
    const links = new Map<string, number>();
    for (const { master } of attachments.list().flatMap((record) => record.interfaces)) {
      links.set(master, (links.get(master) ?? 0) + 1);
    }
    this.#stat = busiestStat({ rates, counters, links, wall: clock.wall() }) ?? this.#stat;
  }

  #names(): Set<string> {
    return new Set(this.#deps.discovery.current?.rows.map((row) => row.interfaceName));
  }
}

function failuresOf({ name, failures }: NetworkRoutesStatus): string[] {
  return failures.map((failure) => `routes of network ${name}: ${failure}`);
}
