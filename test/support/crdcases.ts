import type { MultiNicNetworkSpec } from "../../src/lib/api/kinds.ts";

/** A network that CRD and parser must judge alike; `refused` is part of the API server's sentence, absent = accepted. */
export interface CrdCase {
  readonly name: string;
  readonly spec: Partial<MultiNicNetworkSpec>;
  readonly refused?: string;
}

const oneOf4 = "may hold one IPv4 CIDR only";
const oneOf6 = "may hold one IPv6 CIDR only";
const noSubnet = "must be a CIDR, or one CIDR of each family";
const noCidr = "must be a CIDR, as 10.0.1.0/24 or fd00:10:1::/64";

/** Every rule of the MultiNicNetwork CRD that speaks of one object, from both sides. */
export const crdCases: readonly CrdCase[] = [
  { name: "subnet empty", spec: { subnet: "", plugin: { type: "macvlan" } } },
  { name: "subnet of IPv4", spec: { subnet: "192.168.0.0/16" } },
  { name: "subnet of IPv6", spec: { subnet: "fd00:192:168::/56" } },
  { name: "subnet of both", spec: { subnet: "fd00:192:168::/56,192.168.0.0/16" } },
  { name: "subnet with host bits", spec: { subnet: "192.168.0.1/16" } },
  { name: "subnet of no CIDR", spec: { subnet: "192.168.0.0" }, refused: noSubnet },
  { name: "subnet too long a prefix", spec: { subnet: "192.168.0.0/33" }, refused: noSubnet },
  { name: "subnet with a leading zero", spec: { subnet: "192.168.00.0/16" }, refused: noSubnet },
  { name: "subnet with a zero in its length", spec: { subnet: "10.0.0.0/08" }, refused: noSubnet },
  { name: "subnet mapped", spec: { subnet: "::ffff:10.0.0.0/104" }, refused: noSubnet },
  { name: "subnet with a space", spec: { subnet: "10.0.0.0/8, fd00::/56" }, refused: noSubnet },
  { name: "subnet with a comma too many", spec: { subnet: "10.0.0.0/8," }, refused: noSubnet },
  { name: "subnet IPv4 twice", spec: { subnet: "10.0.0.0/8,11.0.0.0/8" }, refused: oneOf4 },
  { name: "subnet IPv6 twice", spec: { subnet: "fd00::/56,fd01::/56" }, refused: oneOf6 },
  { name: "masterNets of both families", spec: { masterNets: ["10.0.1.0/24", "fd00:10:1::/64"] } },
  { name: "masterNets of names", spec: { masterNets: ["10.0.1.0/24", "eth1"] }, refused: noCidr },
  { name: "ipvlan without args", spec: { plugin: { type: "ipvlan" } } },
  { name: "ipvlan with an empty mode", spec: { plugin: { type: "ipvlan", args: { mode: "" } } } },
  { name: "ipvlan l3s", spec: { plugin: { type: "ipvlan", args: { mode: "l3s" } } } },
  {
    name: "ipvlan bridge",
    spec: { plugin: { type: "ipvlan", args: { mode: "bridge" } } },
    refused: "args.mode of ipvlan must be one of l2, l3, l3s",
  },
  { name: "macvlan passthru", spec: { plugin: { type: "macvlan", args: { mode: "passthru" } } } },
  {
    name: "macvlan l2",
    spec: { plugin: { type: "macvlan", args: { mode: "l2" } } },
    refused: "args.mode of macvlan must be one of bridge, private, vepa, passthru",
  },
  {
    name: "aws-ipvlan bridge",
    spec: { plugin: { type: "aws-ipvlan", args: { mode: "bridge" } } },
    refused: "args.mode of aws-ipvlan must be one of l2, l3, l3s",
  },
  { name: "a type of others", spec: { plugin: { type: "tap", args: { mode: "any" } } } },
  {
    name: "a type with a folder",
    spec: { plugin: { type: "../sh" } },
    refused: "spec.plugin.type in body should match",
  },
  { name: "mtu a number", spec: { plugin: { type: "macvlan", args: { mtu: "9000" } } } },
  {
    name: "mtu no number",
    spec: { plugin: { type: "macvlan", args: { mtu: "9k" } } },
    refused: "mtu must be a number of bytes written as a text",
  },
  { name: "a strategy", spec: { attachPolicy: { strategy: "perfOpt", target: "2.5Gbps" } } },
  {
    name: "an unknown strategy",
    spec: { attachPolicy: { strategy: "best" } },
    refused: 'supported values: "", "none", "costOpt", "perfOpt", "devClass", "topology"',
  },
  {
    name: "a target without unit",
    spec: { attachPolicy: { strategy: "costOpt", target: "25" } },
    refused: "spec.attachPolicy.target in body should match",
  },
];
