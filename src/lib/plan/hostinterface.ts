import type {
  HostInterface,
  HostInterfaceRow,
  InterfaceStatus,
  LeavingStatus,
  NetworkRoutesStatus,
} from "../api/kinds.ts";
import { apiVersion, type Condition, unmanagedLabel } from "../api/meta.ts";
import type { NicStat } from "./nic-rates.ts";

/** A condition as its owner says it; when it changed is worked out here. */
export type SaidCondition = Omit<Condition, "lastTransitionTime">;

/** What a nicd says about its host. */
export interface HostReport {
  readonly hostName: string;
  readonly rows: readonly HostInterfaceRow[];
  readonly interfaces: readonly InterfaceStatus[];
  readonly networks: readonly NetworkRoutesStatus[];
  /** Networks that are being deleted, and closed to new pods here. */
  readonly leaving?: readonly LeavingStatus[] | undefined;
  readonly conditions: readonly SaidCondition[];
  /** Traffic of the busiest NIC, once it was measured. */
  readonly stat?: NicStat | undefined;
}

/** Tells whether the user wrote this object's spec himself: then discovery never does. */
export function isUnmanaged(object: HostInterface): boolean {
  return object.metadata.labels?.[unmanagedLabel] === "true";
}

/** Returns the NICs that count on this host: the user's rows where he wrote them, else what was discovered. */
export function offeredRows(
  discovered: readonly HostInterfaceRow[],
  stored: HostInterface | undefined,
): readonly HostInterfaceRow[] {
  return stored && isUnmanaged(stored) ? stored.spec.interfaces : discovered;
}

/** Makes the object of a host that has none yet. */
export function newHostInterface(report: HostReport): HostInterface {
  return {
    apiVersion,
    kind: "HostInterface",
    metadata: { name: report.hostName },
    spec: { hostName: report.hostName, interfaces: [...report.rows] },
  };
}

/** Returns the object with the spec it should have; undefined when it has it, or is the user's. */
export function changedSpec(stored: HostInterface, report: HostReport): HostInterface | undefined {
  if (isUnmanaged(stored)) return undefined;
  const spec = { ...stored.spec, hostName: report.hostName, interfaces: [...report.rows] };
  return sameValue(spec, stored.spec) ? undefined : { ...stored, spec };
}

/** Returns the object with the status it should have; undefined when it has it. Foreign conditions stay, and `stat` until there is a new one. */
export function changedStatus(
  stored: HostInterface,
  report: HostReport,
  at: string,
): HostInterface | undefined {
  const rows = offeredRows(report.rows, stored);
  const count = (key: "applied" | "wanted") =>
    report.networks.reduce((sum, network) => sum + network[key], 0);
  const conditions = mergeConditions(stored.status?.conditions ?? [], report.conditions, at);
  const { leaving: _, ...kept } = stored.status ?? {};
  const leaving = report.leaving ?? [];
  const status = {
    ...kept,
    ...(report.stat && { stat: { ...report.stat } }),
    summary: {
      nics: new Set(rows.map((row) => row.interfaceName)).size,
      routes: `${count("applied")}/${count("wanted")}`,
    },
    interfaces: [...report.interfaces],
    networks: [...report.networks],
    ...(leaving.length > 0 ? { leaving: [...leaving] } : {}),
    ...(conditions.length > 0 ? { conditions } : {}),
  };
  return sameValue(status, stored.status) ? undefined : { ...stored, status };
}

/** Puts what is said beside the stored conditions of others; the time of a status that stays is kept, else it is `at`. */
export function mergeConditions(
  stored: readonly Condition[],
  said: readonly SaidCondition[],
  at: string,
): Condition[] {
  const merged = said.map((condition) => {
    const old = stored.find((other) => other.type === condition.type);
    const since = old?.status === condition.status ? old.lastTransitionTime : at;
    return { ...condition, lastTransitionTime: since };
  });
  const foreign = stored.filter((old) => !said.some((condition) => condition.type === old.type));
  return [...foreign, ...merged];
}

/** Compares two JSON values; the order of keys and keys that are undefined do not count. */
export function sameValue(a: unknown, b: unknown): boolean {
  return a === b || canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      inner !== null && typeof inner === "object" && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? ""
  );
}
