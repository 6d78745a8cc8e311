import type { Cidr, CidrEntry } from "../../src/lib/api/kinds.ts";
import {
  addressAt,
  formatAddress,
  formatPrefix,
  parsePrefix,
  subPrefix,
} from "../../src/lib/ip.ts";

export interface SliceShape {
  readonly name?: string;
  readonly subnet?: string;
  readonly planes?: number;
  readonly interfaceBlock?: number;
  readonly hostBlock?: number;
  /** hostIndex of the first host. */
  readonly from?: number;
}

/** A CIDR slice of the worked example's kind: host i of plane p has 10.0.p.i (or fd00:10:p::i) on eth<p>. */
export function slice(network: string, hosts: readonly string[], shape: SliceShape = {}): Cidr {
  const { name = network, planes = 2, interfaceBlock = 2, hostBlock = 6, from = 0 } = shape;
  const subnet = shape.subnet ?? "192.168.0.0/16";
  const entries: CidrEntry[] = [];
  for (let plane = 0; plane < planes; plane++) {
    for (const text of subnet.split(",")) {
      const whole = parsePrefix(text);
      if (!whole) throw new Error(`${text} is not a CIDR`);
      const vlan = subPrefix(whole, whole.length + interfaceBlock, plane);
      const net =
        whole.family === 6
          ? parsePrefix(`fd00:10:${plane + 1}::/64`)
          : parsePrefix(hosts.length > 200 ? `10.${plane + 1}.0.0/16` : `10.0.${plane + 1}.0/24`);
      if (!net) throw new Error("no net address");
      entries.push({
        netAddress: formatPrefix(net),
        interfaceIndex: plane,
        vlanCIDR: formatPrefix(vlan),
        hosts: hosts.map((hostName, i) => {
          const podCIDR = formatPrefix(subPrefix(vlan, vlan.length + hostBlock, from + i));
          return {
            hostIndex: from + i,
            hostName,
            interfaceName: `eth${plane + 1}`,
            hostIP: formatAddress(addressAt(net, from + i + 1)),
            podCIDR,
            ippool: `${network}-${podCIDR.replace("/", "-")}`,
          };
        }),
      });
    }
  }
  return {
    apiVersion: "multinic.fms.io/v1",
    kind: "CIDR",
    metadata: { name, generation: 1, labels: { netname: network } },
    spec: {
      config: {
        name: network,
        type: "ipvlan",
        subnet,
        masterNets: entries.map((entry) => entry.netAddress),
        hostBlock,
        interfaceBlock,
        vlanMode: "l3",
      },
      cidr: entries,
    },
  };
}

/** The worked example: two hosts, two planes, 192.168.0.0/16. */
export function workedExample(): Cidr {
  return slice("ipvlan-l3", ["host1", "host2"]);
}

/** The worked example in both families. */
export function dualStack(): Cidr {
  return slice("dual-stack", ["host1", "host2"], { subnet: "192.168.0.0/16,fd00:192:168::/56" });
}
