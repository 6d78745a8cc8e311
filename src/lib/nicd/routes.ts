import type { Cidr, MultiNicNetwork, NetworkRoutesStatus } from "../api/kinds.ts";
import type { KubeObject } from "../api/meta.ts";
import { explain } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { Store } from "../kube/kube.ts";
import type { ReadableStore } from "../kube/readable.ts";
import type { Kernel, KernelEvent } from "../linux/kernel.ts";
import type { Log } from "../log.ts";
import type { HostRouteStep } from "../plan/route-diff.ts";
import {
  type HostRoutesInput,
  type HostRoutesPlan,
  planHostRoutes,
} from "../plan/route-hostroutes.ts";
import { routedNetworks } from "../plan/route-routed.ts";
import { routeStatus } from "../plan/route-status.ts";
import { inRange } from "../plan/route-tablechoice.ts";
import { stepText } from "../plan/route-text.ts";
import { type KernelRoutes, ourProtocol, rulePriority } from "../plan/routes.ts";
import { readTableNames, writeTableNames } from "./rtnames.ts";

/** Route changes in one send; between two batches requests of pods are served. */
const batchSize = 256;

export interface RoutesDeps {
  readonly hostName: string;
  readonly kernel: Pick<
    Kernel,
    "links" | "routes" | "rules" | "changeRoutes" | "addRule" | "deleteRule"
  >;
  /** Network → table, on disk (nicd/routingtables.ts). */
  readonly tables: {
    list(): readonly { readonly network: string; readonly id: number }[];
    adopt(network: string, id: number): void;
    release(network: string): boolean;
  };
  /** Networks with attachments on this host. */
  attachedNetworks(): ReadonlySet<string>;
  /** Tells whether an attachment here holds an address of a network's podCIDR. */
  inUse(network: string, podCIDR: string): boolean;
  /** The host's iproute2 folder; "" = not given to us. */
  readonly iproute2Dir: string;
  readonly log: Log;
}

type RouteSource<T extends KubeObject> = Pick<Store<T>, "synced" | "list"> &
  Partial<Pick<ReadableStore<T>, "unreadable">>;

export interface RouteSources {
  readonly slices: RouteSource<Cidr>;
  readonly networks: RouteSource<MultiNicNetwork>;
}

export interface RoutesReport {
  readonly networks: readonly NetworkRoutesStatus[];
  /** This host's podCIDRs that are routed, by network. */
  readonly podCIDRs: ReadonlyMap<string, readonly string[]>;
  /** Steps taken; 0 = everything was as it should be. */
  readonly steps: number;
  /** Some step failed, or something wanted is not there: try again. */
  readonly failed: boolean;
}

/**
 * Brings the host's rules and routes in line with every network's slices, reads them back and reports. undefined while the
 * local copies are not complete: a list that has not been read is not an empty one. Run one at a time.
 */
export async function reconcileRoutes(
  deps: RoutesDeps,
  sources: RouteSources,
  before: readonly NetworkRoutesStatus[],
): Promise<RoutesReport | undefined> {
  const wanted = wantedOf(sources);
  return wanted && bring(deps, { ...wanted, attached: deps.attachedNetworks(), before });
}

/** Says what `reconcileRoutes` would do now, one sentence a step, and changes nothing. undefined as there. */
export function dryRoutes(deps: RoutesDeps, sources: RouteSources): string[] | undefined {
  const wanted = wantedOf(sources);
  if (!wanted) return undefined;
  const { plan } = planned(deps, { ...wanted, attached: deps.attachedNetworks() });
  const names = new Map(deps.kernel.links().map(({ index, name }) => [index, name]));
  return plan.steps.map((step) => stepText(step, names));
}

function wantedOf(
  sources: RouteSources,
): Pick<HostRoutesInput, "networks" | "unreadable"> | undefined {
  const { slices, networks } = sources;
  if (!slices.synced || !networks.synced) return undefined;
  return routedNetworks({
    slices: slices.list(),
    networks: networks.list(),
    unreadable: [slices, networks].flatMap((one) => one.unreadable?.() ?? []),
  });
}

/** Removes every rule, route, table number and name that is ours: for a host that leaves for good. */
export async function removeRoutes(deps: RoutesDeps): Promise<RoutesReport> {
  return bring(deps, { networks: [], attached: new Set(), before: [] });
}

/** Tells whether an event may have changed what is wanted or what is there; our own additions do not count. */
export function touchesRoutes(event: KernelEvent): boolean {
  switch (event.kind) {
    case "route":
      return event.route.protocol === ourProtocol ? event.gone : inRange(event.route.table);
    case "rule":
      return event.gone && (event.rule.priority === rulePriority || inRange(event.rule.table));
    default:
      return true;
  }
}

async function bring(
  deps: RoutesDeps,
  to: Pick<HostRoutesInput, "networks" | "unreadable" | "attached"> & {
    readonly before: readonly NetworkRoutesStatus[];
  },
): Promise<RoutesReport> {
  const { seen, plan } = planned(deps, to);
  if (plan.steps.length > 0) faultPoint("nicd.routes.begin");
  const failures = await apply(plan.steps, deps);
  if (plan.steps.length > 0) faultPoint("nicd.routes.applied");
  nameTables(deps, plan.names);
  const after = plan.steps.length === 0 ? seen : observe(deps.kernel);
  const networks = routeStatus(plan.networks, after, {
    failures,
    before: to.before,
    unreadable: to.unreadable,
    attached: to.attached,
    inUse: deps.inUse,
  });
  const failed = failures.size > 0 || networks.some((network) => network.failures.length > 0);
  if (plan.steps.length > 0) {
    deps.log.info("host routes changed", {
      steps: plan.steps.length,
      networks: networks.map(({ name, wanted, applied }) => `${name} ${applied}/${wanted}`),
      ...(failures.size > 0 ? { failures: Object.fromEntries(failures) } : {}),
    });
  }
  const podCIDRs = new Map(plan.networks.map((network) => [network.name, network.podCIDRs]));
  return { networks, podCIDRs, steps: plan.steps.length, failed };
}

function planned(
  deps: RoutesDeps,
  to: Pick<HostRoutesInput, "networks" | "unreadable" | "attached">,
): { seen: KernelRoutes; plan: HostRoutesPlan } {
  const seen = observe(deps.kernel);
  const plan = planHostRoutes({
    hostName: deps.hostName,
    links: new Map(deps.kernel.links().map((link) => [link.name, link])),
    networks: to.networks,
    unreadable: to.unreadable,
    recorded: new Map(deps.tables.list().map(({ network, id }) => [network, id])),
    named: readTableNames(deps.iproute2Dir),
    attached: to.attached,
    kernel: seen,
  });
  return { seen, plan };
}

function observe(kernel: RoutesDeps["kernel"]): KernelRoutes {
  return {
    routes: [...kernel.routes({ family: 4 }), ...kernel.routes({ family: 6 })],
    rules: [...kernel.rules(4), ...kernel.rules(6)],
  };
}

/** Takes every step it can, and returns what could not be done by network ("" = left over from nobody). */
async function apply(
  steps: readonly HostRouteStep[],
  deps: RoutesDeps,
): Promise<Map<string, string[]>> {
  const failures = new Map<string, string[]>();
  const unrecorded = new Set<string>();
  const attempt = (step: HostRouteStep, act: () => void) => {
    try {
      act();
    } catch (error) {
      note(failures, step.network, error);
      if (step.kind === "recordTable") unrecorded.add(step.network);
    }
  };
  let batch: Extract<HostRouteStep, { route: unknown }>[] = [];
  const flush = async () => {
    if (batch.length === 0) return;
    const sent = batch;
    batch = [];
    const changes = sent.map(({ kind, route }) => ({
      verb: kind === "delete" ? ("delete" as const) : ("replace" as const),
      route,
    }));
    for (const [i, error] of deps.kernel.changeRoutes(changes).entries())
      if (error) note(failures, sent[i]?.network ?? "", error);
    faultPoint("nicd.routes.batch");
    await new Promise((resolve) => setImmediate(resolve));
  };
  for (const step of steps) {
    // A table that is not on record must not be filled: nobody would know whose it is.
    if (unrecorded.has(step.network)) continue;
    if ("route" in step) {
      batch.push(step);
      if (batch.length >= batchSize) await flush();
      continue;
    }
    await flush();
    attempt(step, () => {
      switch (step.kind) {
        case "recordTable":
          deps.tables.adopt(step.network, step.table);
          return faultPoint("nicd.routes.table");
        case "addRule":
          deps.kernel.addRule(step.rule);
          return faultPoint("nicd.routes.rule");
        case "deleteRule":
          deps.kernel.deleteRule(step.rule);
          return faultPoint("nicd.routes.unrule");
        case "releaseTable":
          if (!failures.has(step.network)) deps.tables.release(step.network);
          return faultPoint("nicd.routes.release");
      }
    });
  }
  await flush();
  return failures;
}

function note(failures: Map<string, string[]>, network: string, error: unknown): void {
  const list = failures.get(network) ?? [];
  list.push(explain(error));
  failures.set(network, list);
}

/** Names are a convenience for people: a folder that cannot be written stops no packet. */
function nameTables(deps: RoutesDeps, names: Parameters<typeof writeTableNames>[1]): void {
  try {
    writeTableNames(deps.iproute2Dir, names);
  } catch (error) {
    deps.log.warn("routing tables have no names on this host", { error: explain(error) });
  }
}
