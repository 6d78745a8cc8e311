import type {
  Cidr,
  ConfigStatus,
  HostInterface,
  IpamSpec,
  MultiNicNetwork,
  MultiNicNetworkStatus,
  NetworkRoutesStatus,
  RouteStatus,
} from "../api/kinds.ts";

import type { SaidCondition } from "./hostinterface.ts";

export interface NetworkSeen {
  readonly network: MultiNicNetwork;
  /** Parsed `spec.ipam`; undefined when it could not be parsed (the faults then say why). */
  readonly ipam: IpamSpec | undefined;
  /** What is wrong with the configuration, in the user's words; empty = nothing. */
  readonly faults: readonly string[];
  /** Definitions that are wanted and exist as wanted, and how many are wanted. */
  readonly definitions: { readonly matching: number; readonly wanted: number };
  readonly slices: readonly Cidr[];
  readonly hostInterfaces: readonly HostInterface[];
  /** Names of the nodes whose nicd is ready, and of all nodes that run one. */
  readonly daemons: { readonly ready: ReadonlySet<string>; readonly all: ReadonlySet<string> };
  /** How far other operators' devices for it are; undefined = it needs none. */
  readonly devices?: SaidCondition | undefined;
  /** Running pods that keep a deleted network's pools alive, `namespace/name`. */
  readonly lingeringPods?: readonly string[];
}

/** How many hosts a message names before it only counts. */
const named = 5;

/** Computes `status` of a network, `lastSyncTime` left to the caller (it is written only when something else changes). */
export function networkStatus(
  seen: NetworkSeen,
): Omit<MultiNicNetworkStatus, "lastSyncTime" | "conditions"> {
  const config = configStatus(seen);
  const routes = routeStatus(seen);
  const messages = [config.message, routes.message].filter((m) => m !== "");
  if (seen.lingeringPods && seen.lingeringPods.length > 0) {
    messages.unshift(`waiting for pods that still hold addresses: ${list(seen.lingeringPods)}`);
  }
  return {
    computeResults: computeResults(seen.slices),
    discovery: {
      existDaemon: seen.daemons.all.size,
      infoAvailable: seen.hostInterfaces.filter((h) => h.spec.interfaces.length > 0).length,
      cidrProcessed: Math.max(0, ...computeResults(seen.slices).map((r) => r.numOfHosts)),
    },
    configStatus: config.status,
    routeStatus: routes.status,
    message: messages.join("; "),
  };
}

/** Counts hosts per plane over all slices, in the order of the first slice's entries. */
function computeResults(slices: readonly Cidr[]): { netAddress: string; numOfHosts: number }[] {
  const hosts = new Map<string, { netAddress: string; count: number }>();
  for (const slice of slices) {
    for (const entry of slice.spec.cidr) {
      const key = `${entry.interfaceIndex} ${entry.vlanCIDR}`;
      const row = hosts.get(key) ?? { netAddress: entry.netAddress, count: 0 };
      row.count += entry.hosts.length;
      hosts.set(key, row);
    }
  }
  return [...hosts.values()].map((row) => ({ netAddress: row.netAddress, numOfHosts: row.count }));
}

/** Judges the configuration: Failed says what is wrong, WaitForConfig how many definitions are missing. */
export function configStatus(seen: NetworkSeen): { status: ConfigStatus; message: string } {
  if (seen.faults.length > 0) return { status: "Failed", message: seen.faults.join("; ") };
  const { matching, wanted } = seen.definitions;
  if (matching === wanted) return { status: "Success", message: "" };
  return {
    status: "WaitForConfig",
    message: `${wanted - matching} of ${wanted} attachment definitions are not written yet`,
  };
}

/** Judges the routes: Failed before Unknown before WaitForRoutes, as the message names what needs a person first. */
export function routeStatus(seen: NetworkSeen): { status: RouteStatus; message: string } {
  const mode = seen.ipam?.vlanMode ?? "";
  if (!seen.network.spec.multiNICIPAM || (mode !== "l3" && mode !== "l3s"))
    return { status: "N/A", message: "" };
  const wantedReports = seen.slices.map(sliceKey);
  const hosts = [
    ...new Set(
      seen.slices.flatMap((s) => s.spec.cidr.flatMap((e) => e.hosts.map((h) => h.hostName))),
    ),
  ];
  const byName = new Map(seen.hostInterfaces.map((h) => [h.metadata.name, h]));
  const failed: string[] = [];
  const unknown: string[] = [];
  const late: string[] = [];
  for (const host of hosts.sort()) {
    const report = byName
      .get(host)
      ?.status?.networks?.find((n) => n.name === seen.network.metadata.name);
    if (!seen.daemons.ready.has(host)) unknown.push(host);
    else if (!report || !coversAll(report, wantedReports)) late.push(host);
    else if (report.failures.length > 0 || report.applied < report.wanted)
      failed.push(`${host}: ${reason(report)}`);
  }
  if (failed.length > 0)
    return { status: "Failed", message: `routes not applied on ${list(failed)}` };
  if (unknown.length > 0)
    return { status: "Unknown", message: `nicd is not ready on ${list(unknown)}` };
  if (late.length > 0)
    return { status: "WaitForRoutes", message: `waiting for routes on ${list(late)}` };
  if (hosts.length === 0)
    return { status: "WaitForRoutes", message: "no host has a NIC on this network yet" };
  return { status: "Success", message: "" };
}

/** Names one version of a slice, as nicd reports it in `status.networks[].observed`. */
export function sliceKey(slice: Cidr): string {
  return `${slice.metadata.name}@${slice.metadata.generation ?? 0}`;
}

function coversAll(report: NetworkRoutesStatus, wanted: readonly string[]): boolean {
  const observed = new Set(report.observed);
  return wanted.every((key) => observed.has(key));
}

function reason(report: NetworkRoutesStatus): string {
  return report.failures[0] ?? `${report.applied} of ${report.wanted} routes`;
}

function list(items: readonly string[]): string {
  const more = items.length - named;
  return more > 0 ? `${items.slice(0, named).join(", ")} and ${more} more` : items.join(", ");
}
