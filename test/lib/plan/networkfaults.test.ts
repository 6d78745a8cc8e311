import { expect, test } from "bun:test";
import type { MultiNicNetworkSpec } from "../../../src/lib/api/kinds.ts";
import { parseMultiNicNetwork } from "../../../src/lib/api/multinicnetwork.ts";
import { networkFaults } from "../../../src/lib/plan/networkfaults.ts";
import { network } from "../../support/objects.ts";
import { sampleDocuments, sampleNames } from "../../support/samples.ts";

const pools = (vlanMode: string) => `{"type":"multi-nic-ipam","vlanMode":"${vlanMode}"}`;

test.each(sampleNames)("networkFaults finds none in the sample %s", async (name) => {
  const [manifest] = await sampleDocuments(name, "network.yaml");
  expect(networkFaults(parseMultiNicNetwork(manifest))).toEqual([]);
});

test.each<[Partial<MultiNicNetworkSpec>]>([
  [{ plugin: { type: "ipvlan", args: { mode: "l3s" } } }],
  [{ plugin: { type: "macvlan", args: { mode: "bridge" } } }],
  [{ plugin: { type: "tap", args: { mode: "anything", owner: "1" } } }],
  [{ plugin: { type: "ipvlan" }, ipam: pools("") }],
  [{ attachPolicy: { strategy: "of earlier days" } }],
])("networkFaults accepts %p", (spec) => {
  expect(networkFaults(network(spec))).toEqual([]);
});

test.each<[Partial<MultiNicNetworkSpec>, string[]]>([
  [{ plugin: { type: "ipvlan", args: { mode: "l2" } } }, ["spec.plugin.args.mode"]],
  [{ plugin: { type: "ipvlan" } }, ["spec.plugin.args.mode"]],
  [{ ipam: pools("l2") }, ["spec.plugin.args.mode"]],
  [
    { plugin: { type: "ipvlan", args: { mode: "l4" } }, ipam: pools("l3") },
    ["spec.plugin.args.mode"],
  ],
  [{ subnet: "" }, ["spec.ipam.vlanMode"]],
  [{ multiNICIPAM: false }, ["spec.multiNICIPAM"]],
  [{ multiNICIPAM: undefined }, ["spec.multiNICIPAM"]],
  [{ ipam: '{"type":"whereabouts"}' }, ["spec.multiNICIPAM"]],
  [{ ipam: '{"type":"host-device-ipam"}', multiNICIPAM: false }, ["spec.ipam.type"]],
  [{ subnet: "10.0.0.0/8,11.0.0.0/8" }, ["spec.subnet"]],
  [{ masterNets: ["10.0.1.0/24", "eth1"] }, ["spec.masterNets[1]"]],
  [
    { subnet: "x", plugin: { type: "macvlan", args: { mtu: "big", mode: "l2" } }, ipam: "{" },
    ["spec.subnet", "spec.plugin.args.mtu", "spec.plugin.args.mode", "spec.ipam"],
  ],
])("networkFaults names every field of %p", (spec, paths) => {
  expect(networkFaults(network(spec)).map((fault) => fault.path)).toEqual(paths);
});

test("networkFaults says both sides of a disagreement and the way out", () => {
  expect(networkFaults(network({ ipam: pools("l2") }))).toEqual([
    {
      path: "spec.plugin.args.mode",
      problem: "is l3, but spec.ipam.vlanMode is l2: use l2 for both, or l3 (or l3s) for both",
    },
  ]);
});
