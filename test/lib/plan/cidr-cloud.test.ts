import { expect, test } from "bun:test";
import { formatPrefix, parsePrefix } from "../../../src/lib/ip.ts";
import { cloudReserved } from "../../../src/lib/plan/cidr-cloud.ts";

const aws = ["aws:///eu-west-1a/i-0123456789abcdef0"];
const cases: { subnet: string; ids: string[]; reserved: string[] }[] = [
  { subnet: "10.0.1.0/24", ids: aws, reserved: ["10.0.1.0/30", "10.0.1.255/32"] },
  { subnet: "10.0.0.0/28", ids: aws, reserved: ["10.0.0.0/30", "10.0.0.15/32"] },
  { subnet: "10.0.1.0/24", ids: [], reserved: [] },
  { subnet: "10.0.1.0/24", ids: ["gce://project/zone/vm"], reserved: [] },
  { subnet: "10.0.1.0/30", ids: aws, reserved: [] },
  {
    subnet: "fd00:10:1::/64",
    ids: aws,
    reserved: ["fd00:10:1::/126", "fd00:10:1:0:ffff:ffff:ffff:ffff/128"],
  },
  { subnet: "fd00:10:1::/64", ids: [], reserved: [] },
];
for (const { subnet, ids, reserved } of cases) {
  test(`cloudReserved of ${subnet} on ${ids[0] ?? "no cloud"} is [${reserved}]`, () => {
    const prefix = parsePrefix(subnet);
    if (!prefix) throw new Error(`${subnet} is no prefix`);
    expect(cloudReserved(prefix, ids).map(formatPrefix)).toEqual(reserved);
  });
}
