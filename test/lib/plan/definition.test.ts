import { expect, test } from "bun:test";
import * as z from "zod";
import { parseMultiNicNetwork } from "../../../src/lib/api/multinicnetwork.ts";
import { InvalidInput } from "../../../src/lib/errors.ts";
import { definition, definitionCniVersion, resourcesOf } from "../../../src/lib/plan/definition.ts";
import { network, ownConfig, upstreamConfig } from "../../support/objects.ts";
import { sampleDocuments, sampleJson, sampleNames } from "../../support/samples.ts";

const mellanoxResources = ["nvidia.com/roce_rail_a", "nvidia.com/roce_rail_b"];
const nad = z.looseObject({ cniVersion: z.string(), masterNets: z.array(z.string()) });

test.each(sampleNames)("definition writes the sample %s key by key", async (name) => {
  const written = (await sampleJson(name, "nad.ours.json")) ?? (await sampleJson(name, "nad.json"));
  const wanted = nad.parse(written);
  const [manifest] = await sampleDocuments(name, "network.yaml");
  const made = definition(parseMultiNicNetwork(manifest), "default", {
    masterNets: wanted.masterNets,
    config: wanted.cniVersion === "0.3.0" ? upstreamConfig() : ownConfig(),
    resourceNames: mellanoxResources,
  });
  expect(JSON.parse(made.spec.config)).toEqual(wanted);
  const meta = z
    .looseObject({
      labels: z.record(z.string(), z.string()),
      annotations: z.record(z.string(), z.string()),
    })
    .optional()
    .parse(await sampleJson(name, "nad-meta.json"));
  expect(made.metadata.labels).toEqual(meta?.labels ?? { "multi-nic-cni-generated": "true" });
  expect(made.metadata.annotations).toEqual(meta?.annotations);
});

test("definition writes the worked example's whole object, byte by byte in spec.config", async () => {
  const [wanted] = await sampleDocuments("ipvlan-l3", "nad.yaml");
  const [manifest] = await sampleDocuments("ipvlan-l3", "network.yaml");
  const parsed = parseMultiNicNetwork(manifest);
  const owner = {
    ...parsed,
    metadata: { ...parsed.metadata, uid: "00000000-0000-4000-8000-000000000001" },
  };
  const made = definition(owner, "default", {
    masterNets: ["10.0.1.0/24", "10.0.2.0/24"],
    config: upstreamConfig(),
  });
  expect<unknown>(made).toEqual(wanted);
});

test("definition takes type and port from Config and passes capabilities on at the top level", () => {
  const made = definition(
    network({
      plugin: { type: "ipvlan", args: { mode: "l3" }, capabilities: { ips: true, mac: false } },
    }),
    "a",
    {
      masterNets: [],
      config: ownConfig({ cniType: "other", daemon: { image: "i", port: 12000 } }),
    },
  );
  expect(JSON.parse(made.spec.config)).toMatchObject({
    type: "other",
    daemonPort: 12000,
    capabilities: { ips: true, mac: false },
    plugin: { cniVersion: "", mode: "l3", type: "ipvlan" },
    masterNets: [],
  });
});

test("definition sorts the keys of ipam all the way down and keeps unknown ones", () => {
  const ipam = '{"type":"whereabouts","z":{"b":[{"y":1,"x":2}],"a":null},"range":"10.0.0.0/24"}';
  const made = definition(network({ ipam, multiNICIPAM: false }), "a", {
    masterNets: [],
    config: undefined,
  });
  expect(made.spec.config).toContain(
    '"ipam":{"range":"10.0.0.0/24","type":"whereabouts","z":{"a":null,"b":[{"x":2,"y":1}]}}',
  );
});

test.each([
  ["0.3.0 where v1.3.1 stored the Config", upstreamConfig(), "0.3.0"],
  ["1.0.0 for a Config of ours", ownConfig(), "1.0.0"],
  ["1.0.0 without a Config", undefined, "1.0.0"],
  ["Config's own where it says one", upstreamConfig({ cniVersion: "1.1.0" }), "1.1.0"],
  ["0.3.0 where Config's own is empty", upstreamConfig({ cniVersion: "" }), "0.3.0"],
])("definitionCniVersion is %s", (_, config, wanted) => {
  expect(definitionCniVersion(config)).toBe(wanted);
});

test.each<[string, Record<string, string>, string[]]>([
  ["sriov", {}, ["openshift.io/mynet1"]],
  ["sriov", { resourceName: "nic_a" }, ["openshift.io/nic_a"]],
  ["sriov", { resourceName: "intel.com/nic_a" }, ["intel.com/nic_a"]],
  ["mellanox", {}, ["nvidia.com/x"]],
  ["ipvlan", {}, []],
])("resourcesOf %s with %p is %p", (type, args, wanted) => {
  expect(resourcesOf(network({ plugin: { type, args } }, "my-net.1"), ["nvidia.com/x"])).toEqual(
    wanted,
  );
});

test("definition refuses mellanox without a resource and every other fault in one go", () => {
  const bad = network({
    subnet: "",
    ipam: '{"type":"host-device-ipam"}',
    multiNICIPAM: true,
    plugin: { type: "mellanox" },
  });
  const make = () => definition(bad, "a", { masterNets: [], config: undefined });
  expect(make).toThrow(InvalidInput);
  expect(make).toThrow(
    "Cannot define network net: spec.multiNICIPAM: is true, but spec.ipam.type is host-device-ipam: use multi-nic-ipam, or set multiNICIPAM to false; spec.plugin.type: is mellanox, but no NicClusterPolicy names a resource",
  );
});
