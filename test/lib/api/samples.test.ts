import { expect, test } from "bun:test";
import { allKinds } from "../../../src/lib/api/allkinds.ts";
import { parseCidr } from "../../../src/lib/api/cidr.ts";
import { parseConfig } from "../../../src/lib/api/config.ts";
import { parseDeviceClass } from "../../../src/lib/api/deviceclass.ts";
import { parseHostInterface } from "../../../src/lib/api/hostinterface.ts";
import { parseIPPool } from "../../../src/lib/api/ippool.ts";
import type {
  Cidr,
  Config,
  DeviceClass,
  HostInterface,
  IPPool,
  MultiNicNetwork,
} from "../../../src/lib/api/kinds.ts";
import { parseMultiNicNetwork } from "../../../src/lib/api/multinicnetwork.ts";
import { sampleDocuments, sampleNames } from "../../support/samples.ts";

const parsers = [
  ["network.yaml", parseMultiNicNetwork],
  ["hostinterfaces.yaml", parseHostInterface],
  ["cidr.yaml", parseCidr],
  ["ippools.yaml", parseIPPool],
  ["ippool.ours.yaml", parseIPPool],
] as const;

test.each(sampleNames)("every parser takes the sample %s as it is", async (name) => {
  for (const [file, parse] of parsers) {
    for (const document of await sampleDocuments(name, file)) {
      expect<unknown>(parse(document)).toBe(document);
    }
  }
});

test("parseMultiNicNetwork takes the status that v1.3.x writes, and a null lastSyncTime of before 1.2.4", async () => {
  const [status] = await sampleDocuments("ipvlan-l3", "network-status-field.yaml");
  const [network] = await sampleDocuments("ipvlan-l3", "network.yaml");
  if (typeof network !== "object" || typeof status !== "object") throw new Error("no sample");
  expect(parseMultiNicNetwork({ ...network, status }).status?.routeStatus).toBe("Success");
  const old = { ...network, status: { ...status, lastSyncTime: null } };
  expect(parseMultiNicNetwork(old).status?.lastSyncTime).toBeNull();
});

test("the parsers give the types of kinds.ts", () => {
  const typed: [
    (value: unknown) => MultiNicNetwork,
    (value: unknown) => HostInterface,
    (value: unknown) => Cidr,
    (value: unknown) => IPPool,
    (value: unknown) => DeviceClass,
    (value: unknown) => Config,
  ] = [
    parseMultiNicNetwork,
    parseHostInterface,
    parseCidr,
    parseIPPool,
    parseDeviceClass,
    parseConfig,
  ];
  expect<number>(typed.length).toBe(allKinds.length);
});
