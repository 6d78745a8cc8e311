import { expect, test } from "bun:test";
import type { Strictness } from "../../../src/lib/api/check.ts";
import { parseConfig } from "../../../src/lib/api/config.ts";
import { parseDeviceClass } from "../../../src/lib/api/deviceclass.ts";
import { parseMultiNicNetwork } from "../../../src/lib/api/multinicnetwork.ts";
import { InvalidInput } from "../../../src/lib/errors.ts";
import { network, upstreamConfig } from "../../support/objects.ts";

const valid = network();

/** Returns the faults' `path: problem`, [] when the object is accepted. */
function faults(parse: (value: unknown, s: Strictness) => unknown, value: unknown, s: Strictness) {
  try {
    parse(value, s);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return error.faults.map((fault) => `${fault.path}: ${fault.problem}`);
  }
}

test("parseMultiNicNetwork strict reports every fault at once with its field", () => {
  const value = {
    ...valid,
    metadata: { name: "Net" },
    spec: {
      ...valid.spec,
      subnet: "192.168.0.0/16,10.0.0.0/8",
      masterNets: ["10.0.1.0/24", 7],
      multiNICIPAM: "yes",
      hostacess: true,
      plugin: { args: { mtu: 9000 }, cniVersion: "one" },
      attachPolicy: { strategy: "best", target: "25G" },
    },
    statuses: {},
  };
  expect(faults(parseMultiNicNetwork, value, "strict")).toEqual([
    'metadata.name: is "Net": use lower-case letters, digits, - and ., at most 253',
    "spec.subnet: 192.168.0.0/16,10.0.0.0/8 holds more than one IPv4 CIDR: one for each family is possible",
    "spec.masterNets[1]: is 7: a text is expected",
    'spec.multiNICIPAM: is "yes": true or false is expected',
    'spec.plugin.cniVersion: is "one": write a CNI version, as 1.0.0',
    "spec.plugin.type: missing: a text is required",
    "spec.plugin.args.mtu: is 9000: a text is expected",
    'spec.attachPolicy.strategy: is "best": use one of "", "none", "costOpt", "perfOpt", "devClass", "topology"',
    'spec.attachPolicy.target: is "25G": write a bandwidth, as 25Gbps or 500Mbps',
    "spec.hostacess: unknown field: check its spelling, or leave it out",
    "statuses: unknown field: check its spelling, or leave it out",
  ]);
});

test("parseMultiNicNetwork tolerant passes unknown fields and values of a stored object, and keeps them", () => {
  const stored = {
    ...valid,
    spec: { ...valid.spec, later: 1, subnet: "what", attachPolicy: { strategy: "best", x: [] } },
    status: { configStatus: "Odd" },
  };
  expect(faults(parseMultiNicNetwork, { ...stored, status: undefined }, "tolerant")).toEqual([]);
  expect<unknown>(parseMultiNicNetwork({ ...stored, status: undefined }, "tolerant").spec).toBe(
    stored.spec,
  );
});

test("parseMultiNicNetwork tolerant still refuses a wrong type", () => {
  expect(
    faults(parseMultiNicNetwork, { ...valid, spec: { ...valid.spec, ipam: {} } }, "tolerant"),
  ).toEqual(["spec.ipam: is {}: a text is expected"]);
});

test.each<[string, unknown, string[]]>([
  ["another kind", { ...valid, kind: "CIDR" }, ['kind: is "CIDR": write "MultiNicNetwork"']],
  [
    "the group of earlier days",
    { ...valid, apiVersion: "net.cogadvisor.io/v1" },
    ['apiVersion: is "net.cogadvisor.io/v1": write "multinic.fms.io/v1"'],
  ],
  [
    "a mode the type lacks",
    network({ plugin: { type: "macvlan", args: { mode: "l2" } } }),
    ['spec.plugin.args.mode: is "l2": macvlan knows bridge, private, vepa, passthru'],
  ],
  ["no object at all", null, [": is null: an object is expected"]],
])("parseMultiNicNetwork refuses %s", (_, value, wanted) => {
  expect(faults(parseMultiNicNetwork, value, "strict")).toEqual(wanted);
});

test("parseConfig takes a Config as v1.3.1 stores it", () => {
  expect(faults(parseConfig, upstreamConfig(), "strict")).toEqual([]);
});

test.each<[Record<string, unknown>, string[]]>([
  [{ logLevel: 0 }, ["spec.logLevel: must be at least 1"]],
  [{ logLevel: 128 }, ["spec.logLevel: must be at most 127"]],
  [
    { urgentReconcileSeconds: 1.5 },
    ["spec.urgentReconcileSeconds: is 1.5: a whole number is expected"],
  ],
  [
    { cniVersion: "2.0.0" },
    ['spec.cniVersion: is "2.0.0": use one of "", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"'],
  ],
  [{ daemon: { image: "i", port: 70000 } }, ["spec.daemon.port: must be at most 65535"]],
])("parseConfig refuses %p", (spec, wanted) => {
  const config = upstreamConfig();
  expect(faults(parseConfig, { ...config, spec: { ...config.spec, ...spec } }, "strict")).toEqual(
    wanted,
  );
});

test("parseDeviceClass refuses an id with 0x or capitals", () => {
  const value = {
    apiVersion: "multinic.fms.io/v1",
    kind: "DeviceClass",
    metadata: { name: "fast" },
    spec: {
      ids: [
        { vendor: "15b3", products: ["101d"] },
        { vendor: "0x15b3", products: ["101D"] },
      ],
    },
  };
  expect(faults(parseDeviceClass, value, "strict")).toEqual([
    'spec.ids[1].vendor: is "0x15b3": write a PCI id, hex, lower case, without 0x',
    'spec.ids[1].products[0]: is "101D": write a PCI id, hex, lower case, without 0x',
  ]);
});
