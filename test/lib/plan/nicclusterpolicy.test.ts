import { expect, test } from "bun:test";
import type { NicClusterPolicy } from "../../../src/lib/api/devices.ts";
import { policyResources } from "../../../src/lib/plan/nicclusterpolicy.ts";
import { deviceObjects } from "../../support/deviceobjects.ts";

const policy = (config: unknown, name = "nic-cluster-policy"): NicClusterPolicy => ({
  apiVersion: "mellanox.com/v1alpha1",
  kind: "NicClusterPolicy",
  metadata: { name },
  spec: {
    sriovDevicePlugin: { config: typeof config === "string" ? config : JSON.stringify(config) },
  },
});

test.each([
  ["nicclusterpolicy", ["nvidia.com/roce_rail_a", "nvidia.com/roce_rail_b"]],
  ["nicclusterpolicy.no-prefix", ["nvidia.com/hostdev", "example.test/other"]],
])("policyResources reads the resources of %s", async (file, resourceNames) => {
  const found = policyResources(await deviceObjects<NicClusterPolicy>(file));
  expect(found).toEqual({ resourceNames, notes: [], fault: undefined });
});

test("policyResources follows the first policy by name, names each resource once, and says which entry has no name", () => {
  const list = [{ resourceName: "a" }, { resourcePrefix: "x.y" }, { resourceName: "a" }];
  const found = policyResources([policy("{}", "z"), policy({ resourceList: list }, "b")]);
  const note =
    "NicClusterPolicy b: spec.sriovDevicePlugin.config: resourceList[1] has no resourceName and is left out";
  expect(found).toEqual({ resourceNames: ["nvidia.com/a"], notes: [note], fault: undefined });
});

const field = "NicClusterPolicy nic-cluster-policy: spec.sriovDevicePlugin.config";
test.each<[string, NicClusterPolicy[], string]>([
  ["there is none", [], "there is no NicClusterPolicy: make one that names resources"],
  [
    "it configures no device plugin",
    await deviceObjects<NicClusterPolicy>("nicclusterpolicy.empty"),
    `${field} is missing: name resources there`,
  ],
  [
    "it is no JSON",
    [policy("resourceList:")],
    `${field} is not JSON with a resourceList: "resourceList:"`,
  ],
  ["it has no list", [policy({ resourceList: {} })], `${field} is not JSON with a resourceList: `],
  ["the list is empty", [policy({ resourceList: [] })], `${field} names no resource: add one`],
  [
    "nothing in it is named",
    [policy({ resourceList: [null, 3, []] })],
    `${field} names no resource: add one`,
  ],
])("policyResources says so when %s", (_, policies, fault) => {
  const found = policyResources(policies);
  expect(found.resourceNames).toEqual([]);
  expect(found.fault).toStartWith(fault);
});
