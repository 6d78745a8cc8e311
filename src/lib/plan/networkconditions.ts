import type { ConfigStatus, RouteStatus } from "../api/kinds.ts";
import type { Condition } from "../api/meta.ts";
import { mergeConditions, type SaidCondition } from "./hostinterface.ts";
import { mtusAgree } from "./mtus.ts";
import { configStatus, type NetworkSeen, routeStatus } from "./networkstatus.ts";

/**
 * Computes a network's conditions, which `kubectl wait` and `kubectl describe` read, from what its status is computed from:
 * ConfigReady, RoutesReady, DevicesReady where another operator provides the devices, MTUsAgree where a plane's hosts differ (or did),
 * and Ready when the first two hold. `at` = now, kept where a status does not change.
 */
export function networkConditions(seen: NetworkSeen, at: string): Condition[] {
  const observedGeneration = seen.network.metadata.generation;
  const { config, routes } = { config: configCondition(seen), routes: routesCondition(seen) };
  const devices = seen.devices ? [seen.devices] : [];
  const mtus = mtusAgree(seen.network, seen.hostInterfaces);
  const all = [config, routes, ...devices, ...(mtus ? [mtus] : []), ready(seen, config, routes)];
  const said = all.map((condition) => ({
    ...condition,
    ...(observedGeneration !== undefined && { observedGeneration }),
  }));
  return mergeConditions(seen.network.status?.conditions ?? [], said, at);
}

const configReasons: Readonly<Record<ConfigStatus, readonly [SaidCondition["status"], string]>> = {
  "": ["Unknown", "NotLookedAt"],
  Success: ["True", "DefinitionsWritten"],
  WaitForConfig: ["False", "DefinitionsMissing"],
  Failed: ["False", "ConfigInvalid"],
};

function configCondition(seen: NetworkSeen): SaidCondition {
  const { status: state, message } = configStatus(seen);
  const [status, reason] = configReasons[state];
  const fine = `${seen.definitions.wanted} attachment definitions are as they should be`;
  return { type: "ConfigReady", status, reason, message: message || fine };
}

const routeReasons: Readonly<Record<RouteStatus, readonly [SaidCondition["status"], string]>> = {
  "": ["Unknown", "NotLookedAt"],
  "N/A": ["True", "NoRoutesNeeded"],
  Success: ["True", "RoutesApplied"],
  WaitForRoutes: ["False", "WaitingForHosts"],
  Failed: ["False", "RoutesRefused"],
  Unknown: ["Unknown", "DaemonNotReady"],
};

const routeFine: Partial<Record<RouteStatus, string>> = {
  "N/A": "this network needs no routes on hosts",
  Success: "every host has reported every route, read back from the kernel",
};

function routesCondition(seen: NetworkSeen): SaidCondition {
  const { status: state, message } = routeStatus(seen);
  const [status, reason] = routeReasons[state];
  return { type: "RoutesReady", status, reason, message: message || (routeFine[state] ?? "") };
}

function ready(seen: NetworkSeen, config: SaidCondition, routes: SaidCondition): SaidCondition {
  const pods = seen.lingeringPods ?? [];
  if (seen.network.metadata.deletionTimestamp !== undefined) {
    const message =
      pods.length > 0 ? `pods still hold addresses: ${pods.join(", ")}; delete them` : "";
    return { type: "Ready", status: "False", reason: "BeingDeleted", message };
  }
  const first = [config, routes].find((condition) => condition.status !== "True");
  if (first) return { ...first, type: "Ready" };
  return { type: "Ready", status: "True", reason: "Ready", message: "pods can be attached" };
}
