import { expect, test } from "bun:test";
import { mellanoxReport, sriovReport } from "../../../src/lib/plan/devicereport.ts";

const there = { installed: true, trouble: undefined };
const missing = { installed: false, trouble: undefined };
const unread = { installed: undefined, trouble: "Cannot list: forbidden" };
const asked = { faults: [], mends: [], states: [], ownsDevices: true };
const state = (name: string, status: object) => ({
  apiVersion: "sriovnetwork.openshift.io/v1",
  kind: "SriovNetworkNodeState",
  metadata: { name },
  status,
});

test.each([
  ["all is well", sriovReport(asked, there), "True", "Written", 0],
  ["its operator is missing", sriovReport(asked, missing), "False", "OperatorMissing", 1],
  ["its kinds cannot be read", sriovReport(asked, unread), "Unknown", "Unreadable", 1],
  [
    "it names a resource and the operator is missing",
    sriovReport({ ...asked, ownsDevices: false }, missing),
    "False",
    "OperatorMissing",
    0,
  ],
  [
    "something is wrong",
    sriovReport({ ...asked, faults: ["x"] }, missing),
    "False",
    "NotWritten",
    1,
  ],
  [
    "the SriovNetwork is refused",
    sriovReport({ ...asked, mends: ["y"] }, there),
    "False",
    "NotWritten",
    0,
  ],
  [
    "a node is being configured",
    sriovReport({ ...asked, states: [state("a", { syncStatus: "InProgress" })] }, there),
    "False",
    "NodesBeingConfigured",
    0,
  ],
] as const)("sriovReport when %s", (_, report, status, reason, faults) => {
  expect(report.condition).toMatchObject({ type: "DevicesReady", status, reason });
  expect(report.faults).toHaveLength(faults);
  expect(report.condition.message).not.toBe("");
});

test("sriovReport names five nodes that failed, and counts the others", () => {
  const states = Array.from({ length: 7 }, (_, i) =>
    state(`n${i}`, { syncStatus: "Failed", ...(i === 0 && { lastSyncError: "no VFs" }) }),
  );
  expect(sriovReport({ ...asked, states }, there).condition.message).toBe(
    "the SR-IOV operator failed on n0: no VFs; n1: no reason given; n2: no reason given; n3: no reason given; n4: no reason given and 2 more",
  );
});

test("mellanoxReport says what is missing, as a fault of the network", () => {
  const none = { resourceNames: [], notes: [], fault: "there is no policy" };
  expect(mellanoxReport(none, there).faults).toEqual([
    "spec.plugin.type: is mellanox, but there is no policy",
  ]);
  expect(mellanoxReport(none, unread).condition).toMatchObject({
    status: "Unknown",
    reason: "Unreadable",
    message: "NicClusterPolicy objects cannot be read: Cannot list: forbidden",
  });
  const some = { resourceNames: ["nvidia.com/a"], notes: ["one has no name"], fault: undefined };
  expect(mellanoxReport(some, there)).toEqual({
    faults: [],
    resourceNames: ["nvidia.com/a"],
    condition: {
      type: "DevicesReady",
      status: "True",
      reason: "ResourcesNamed",
      message: "pods get devices of nvidia.com/a; one has no name",
    },
  });
});
