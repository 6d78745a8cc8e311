import type { SriovNetworkNodeState } from "../api/devices.ts";
import type { SaidCondition } from "./hostinterface.ts";
import type { PolicyResources } from "./nicclusterpolicy.ts";

/** What asking another operator for a network's devices came to. */
export interface DeviceReport {
  /** What keeps pods from getting devices; empty = nothing. */
  readonly faults: readonly string[];
  /** For plugin type mellanox: what its definitions name; undefined = there is nothing to define. */
  readonly resourceNames?: readonly string[] | undefined;
  readonly condition: SaidCondition;
}

/** Whether another operator's kinds are there. */
export interface Presence {
  /** Undefined = not known yet. */
  readonly installed: boolean | undefined;
  /** Why they could not be read at last. */
  readonly trouble: string | undefined;
}

const type = "DevicesReady";
const say = (status: SaidCondition["status"], reason: string, message: string): SaidCondition => ({
  type,
  status,
  reason,
  message,
});

/** Reports on a network of type mellanox. */
export function mellanoxReport(
  found: PolicyResources,
  { installed, trouble }: Presence,
): DeviceReport {
  const failed = (
    status: SaidCondition["status"],
    reason: string,
    fault: string,
  ): DeviceReport => ({
    faults: [`spec.plugin.type: is mellanox, but ${fault}`],
    condition: say(status, reason, fault),
  });
  if (installed === false) {
    return failed(
      "False",
      "OperatorMissing",
      "NVIDIA's network operator is not installed (the API server knows no mellanox.com/v1alpha1 NicClusterPolicy): install it",
    );
  }
  if (installed === undefined)
    return failed("Unknown", "Unreadable", unread("NicClusterPolicy", trouble));
  const { resourceNames, notes, fault } = found;
  if (fault !== undefined) return failed("False", "NoResources", [fault, ...notes].join("; "));
  const named = `pods get devices of ${resourceNames.join(", ")}`;
  return {
    faults: [],
    resourceNames,
    condition: say("True", "ResourcesNamed", [named, ...notes].join("; ")),
  };
}

/** Reports on a network of type sriov. `mends`: why its SriovNetwork could not be written, which stops no pod. */
export function sriovReport(
  seen: {
    readonly faults: readonly string[];
    readonly mends: readonly string[];
    readonly states: readonly SriovNetworkNodeState[];
    /** Whether the network asks for functions of its own, or names a resource that is there. */
    readonly ownsDevices: boolean;
  },
  { installed, trouble }: Presence,
): DeviceReport {
  const { faults, mends, states, ownsDevices } = seen;
  if (faults.length > 0) {
    return { faults, condition: say("False", "NotWritten", [...faults, ...mends].join("; ")) };
  }
  if (installed !== true) {
    const missing = installed === false;
    const what = missing
      ? "the SR-IOV network operator is not installed (the API server does not know all of sriovnetwork.openshift.io/v1)"
      : unread("SR-IOV", trouble);
    const way = ownsDevices
      ? `${what}: install it, or name the resource of another device plugin in spec.plugin.args.resourceName`
      : `${what}: no SriovNetwork is written; the devices of spec.plugin.args.resourceName are used all the same`;
    const condition = say(
      missing ? "False" : "Unknown",
      missing ? "OperatorMissing" : "Unreadable",
      way,
    );
    return { faults: ownsDevices ? [way] : [], condition };
  }
  if (mends.length > 0)
    return { faults: [], condition: say("False", "NotWritten", mends.join("; ")) };
  const hosts = states.filter((state) => state.status?.syncStatus === "Failed");
  if (hosts.length > 0) {
    const rows = hosts.map(
      (s) => `${s.metadata.name}: ${s.status?.lastSyncError || "no reason given"}`,
    );
    const more = rows.length > 5 ? ` and ${rows.length - 5} more` : "";
    const message = `the SR-IOV operator failed on ${rows.slice(0, 5).join("; ")}${more}`;
    return { faults: [], condition: say("False", "NodeSyncFailed", message) };
  }
  const busy = states.filter((state) => state.status?.syncStatus === "InProgress").length;
  if (busy > 0) {
    return { faults: [], condition: say("False", "NodesBeingConfigured", `on ${busy} nodes`) };
  }
  return { faults: [], condition: say("True", "Written", "the SR-IOV operator has what it needs") };
}

function unread(what: string, trouble: string | undefined): string {
  return `${what} objects cannot be read${trouble ? `: ${trouble}` : " yet"}`;
}
