/** A network of eight rails that paths.ts tries, over the NICs of a lab with `--rails --families 4,6`. */
export interface RailNetwork {
  readonly name: string;
  /** Ends the names of its tests. */
  readonly title: string;
  readonly families: readonly (4 | 6)[];
  /** By family. */
  readonly bases: Readonly<Partial<Record<4 | 6, string>>>;
}

export const railNetworks: readonly RailNetwork[] = [
  {
    name: "rails",
    title: "dual stack",
    families: [4, 6],
    bases: { 4: "172.22.0.0/16", 6: "fd00:22::/56" },
  },
  { name: "sixrails", title: "IPv6", families: [6], bases: { 6: "fd00:23::/56" } },
];

/** What paths.ts shows for each of the networks. */
export const railTitles = {
  planes: "eight NICs of a host in one network are planes of their own, in PCI order",
  peers: "a pod gets one link on each rail, and each reaches its peer on the same rail",
  answers: "sourceRouting gives each of the eight NICs a table, and answers leave by their own NIC",
  hosts: "hostAccess lets a pod and another host's NICs reach each other, over every rail",
} as const;

/** Returns the block of a host on a rail: three bits number the rails, five the hosts. */
export function podCIDR({ bases }: RailNetwork, family: 4 | 6, at: HostRail): string {
  const block = at.rail * 32 + at.host;
  if (family === 4) return `${bases[4]?.split(".").slice(0, 2).join(".")}.${block}.0/24`;
  const net = bases[6]?.split("::")[0];
  return block === 0 ? `${net}::/64` : `${net}:0:${block.toString(16)}::/64`;
}

/** Counted from 0. */
export interface HostRail {
  readonly host: number;
  readonly rail: number;
}

/** Returns the first pod's address there, without prefix length. */
export function firstPod(network: RailNetwork, family: 4 | 6, at: HostRail): string {
  return podCIDR(network, family, at).replace(family === 4 ? /0\/24$/ : /\/64$/, "1");
}

/** Returns the address of the host's own NIC, as the lab numbers them. */
export function railNic(family: 4 | 6, { host, rail }: HostRail): string {
  const own = (host + 1) * 16 + rail;
  return family === 4 ? `10.0.1.${own}` : `fd00:10:1::${own.toString(16)}`;
}

/** Writes the network as a user would. */
export function railManifest({ name, families, bases }: RailNetwork): string {
  const planes = families.map((family) => (family === 4 ? "10.0.1.0/24" : "fd00:10:1::/64"));
  return `apiVersion: multinic.fms.io/v1
kind: MultiNicNetwork
metadata: { name: ${name} }
spec:
  subnet: ${JSON.stringify(families.map((family) => bases[family]).join(","))}
  ipam: '{"type": "multi-nic-ipam", "hostBlock": 5, "interfaceBlock": 3, "vlanMode": "l3"}'
  multiNICIPAM: true
  plugin: { cniVersion: "1.0.0", type: ipvlan, args: { mode: l3 } }
  masterNets: ${JSON.stringify(planes)}
  rails: true
  hostAccess: true
  sourceRouting: true
`;
}
