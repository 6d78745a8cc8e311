import { expect, test } from "bun:test";
import { type Ipam, parseIpam } from "../../../src/lib/api/ipam.ts";
import type { IpamSpec } from "../../../src/lib/api/kinds.ts";
import { InvalidInput } from "../../../src/lib/errors.ts";

/** Returns the faults' `path: problem` of a text, [] when it parses. */
function faults(text: string): string[] {
  try {
    parseIpam(text);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return error.faults.map((fault) => `${fault.path}: ${fault.problem}`);
  }
}

test.each<[Ipam["by"], string]>([
  ["pools", '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3","own":1}'],
  ["pools", '{"type":"multi-nic-ipam","excludeCIDRs":["10.0.0.0/29","10.0.0.9","fd00::/64"]}'],
  [
    "pools",
    '{"type":"multi-nic-ipam","routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"},{"dst":"fd00::/8"}]}',
  ],
  [
    "master",
    '{"type":"multi-config","ipam_type":"whereabouts","args":{"eth1":{"range":"10.0.0.0/24"}}}',
  ],
  ["host", '{"type":"host-device-ipam"}'],
  ["delegate", '{"type":"whereabouts","range":"192.168.0.0/18","hostBlock":"theirs"}'],
])("parseIpam gives %s for %s, unknown keys and all", (by, text) => {
  const ipam = parseIpam(text);
  expect(ipam.by).toBe(by);
  expect(ipam.config as object).toEqual(JSON.parse(text));
});

test("parseIpam gives pools and masters in the shape of IpamSpec", () => {
  const ipam = parseIpam('{"type":"multi-nic-ipam","hostBlock":6}');
  if (ipam.by !== "pools") throw new Error(ipam.by);
  const spec: IpamSpec = ipam.config;
  expect(spec.hostBlock).toBe(6);
});

test.each<[string, string[]]>([
  ["[]", ["spec.ipam: is []: an object is expected"]],
  ["{}", ["spec.ipam.type: missing: a text is required"]],
  [
    '{"type":"../sh"}',
    ['spec.ipam.type: is "../sh": write the name of an IPAM plugin, without a folder'],
  ],
  [
    '{"type":"multi-nic-ipam","hostBlock":-1,"interfaceBlock":121,"vlanMode":"l4"}',
    [
      "spec.ipam.hostBlock: must be at least 0",
      "spec.ipam.interfaceBlock: must be at most 120",
      'spec.ipam.vlanMode: is "l4": write "" or "l2" or "l3" or "l3s"',
    ],
  ],
  [
    '{"type":"multi-nic-ipam","excludeCIDRs":["10.0.0.0/33","x"],"routes":[{"gw":"10.0.0.1/24"}]}',
    [
      'spec.ipam.excludeCIDRs[0]: is "10.0.0.0/33": write a CIDR or an address',
      'spec.ipam.excludeCIDRs[1]: is "x": write a CIDR or an address',
      "spec.ipam.routes[0].dst: missing: a text is required",
      'spec.ipam.routes[0].gw: is "10.0.0.1/24": write an address, as 192.168.63.254',
    ],
  ],
  [
    '{"type":"multi-config","args":{"eth1":[]}}',
    [
      "spec.ipam.ipam_type: missing: a text is required",
      "spec.ipam.args.eth1: is []: an object is expected",
    ],
  ],
])("parseIpam refuses %s and names every field", (text, wanted) => {
  expect(faults(text)).toEqual(wanted);
});

test("parseIpam refuses what is no JSON and shows how to write it", () => {
  expect(faults("{type: multi-nic-ipam}").join()).toMatch(
    /^spec\.ipam: is no JSON text \(.*\): write it as \{ "type"/,
  );
});
