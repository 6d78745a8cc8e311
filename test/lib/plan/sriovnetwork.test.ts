import { expect, test } from "bun:test";
import type { SriovNetwork } from "../../../src/lib/api/devices.ts";
import type { MultiNicNetwork } from "../../../src/lib/api/kinds.ts";
import { planSriovNetwork, sriovFaults } from "../../../src/lib/plan/sriovnetwork.ts";
import { network } from "../../support/objects.ts";
import { sampleDocuments } from "../../support/samples.ts";

const [sample] = (await sampleDocuments("sriov", "network.yaml")) as [MultiNicNetwork];
const [upstream] = (await sampleDocuments("sriov", "sriovnetwork.yaml")) as [SriovNetwork];
const sriov = (args: Record<string, string>, name = "net") =>
  network({ plugin: { cniVersion: "1.0.0", type: "sriov", args } }, name);

test("planSriovNetwork writes the sample's SriovNetwork, with spoofChk and trust, which v1.3.x left out", () => {
  const wanted = { ...upstream, spec: { ...upstream.spec, spoofChk: "on", trust: "on" } };
  const [made] = planSriovNetwork(sample, undefined).steps;
  expect(made).toEqual({ op: "create", object: wanted });
  const stored = { ...upstream, metadata: { ...upstream.metadata, resourceVersion: "3" } };
  expect(planSriovNetwork(sample, stored).steps).toEqual([
    {
      op: "patch",
      name: "multinic-sriov-net",
      patch: { metadata: { resourceVersion: "3" }, spec: { spoofChk: "on", trust: "on" } },
    },
  ]);
});

test("planSriovNetwork names the resource without its prefix, which the SR-IOV operator puts there itself", () => {
  const [made] = planSriovNetwork(sriov({ resourceName: "openshift.io/pool" }), undefined).steps;
  expect(made?.op === "create" && made.object.spec).toEqual({ resourceName: "pool" });
});

test("planSriovNetwork wants none for any other type", () => {
  expect(planSriovNetwork(network(), undefined).steps).toEqual([]);
});

test.each([
  [{ priority: "100" }, 'spec.plugin.args.priority: is "100": at most 99'],
  [{ vlan: "4097" }, 'spec.plugin.args.vlan: is "4097": at most 4096'],
  [{ vlanQoS: "8" }, 'spec.plugin.args.vlanQoS: is "8": at most 7'],
  [
    { minTxRate: "9", maxTxRate: "8" },
    'spec.plugin.args.minTxRate: is "9", more than maxTxRate "8"',
  ],
])("sriovFaults refuses %p", (args, fault) => {
  expect(sriovFaults(sriov(args), [])).toEqual([fault]);
});

test("sriovFaults takes what the SR-IOV operator takes", () => {
  const args = { priority: "99", vlan: "4096", vlanQoS: "7", minTxRate: "8", maxTxRate: "8" };
  expect(sriovFaults(sriov(args), [sriov({}, "other")])).toEqual([]);
});

test("sriovFaults names both networks whose names become one resource", () => {
  const [one, two] = [sriov({}, "a.b"), sriov({}, "a-b")];
  expect(sriovFaults(one, [one, two])).toEqual([
    "its resource ab is network a-b's too: rename one, or name a resource in spec.plugin.args.resourceName",
  ]);
  expect(sriovFaults(one, [one, sriov({ resourceName: "ab" }, "a-b")])).toEqual([]);
});
