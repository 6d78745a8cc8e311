import type { Cidr, MultiNicNetwork } from "../api/kinds.ts";
import type { PodPackets } from "./doctor-firewall.ts";
import type { RailNic } from "./doctor-rpfilter.ts";

/** Returns what pods of this node send through the host's own chains: ipvlan in l3 and l3s does, every other link goes past them. */
export function podPackets(slices: readonly Cidr[], node: string): PodPackets[] {
  const out: PodPackets[] = [];
  for (const [network, list] of Map.groupBy(slices, (slice) => slice.spec.config.name)) {
    const { type, vlanMode, subnet } = list[0]?.spec.config ?? {};
    if (!type?.endsWith("ipvlan") || (vlanMode !== "l3" && vlanMode !== "l3s")) continue;
    const own = list.flatMap(({ spec }) =>
      spec.cidr.flatMap(({ hosts }) => hosts.filter((host) => host.hostName === node)),
    );
    const masters = [...new Set(own.map((host) => host.interfaceName))];
    if (masters.length === 0) continue;
    const blocks = subnet ? subnet.split(",") : own.map((host) => host.podCIDR);
    for (const block of blocks) out.push({ network, subnet: block.trim(), masters });
  }
  return out;
}

/** Returns this node's NICs of networks that take several of one net, with their reverse path filter. */
export function railNics(
  seen: { readonly networks: readonly MultiNicNetwork[]; readonly slices: readonly Cidr[] },
  node: string,
  rpFilter: (nic: string) => number,
): RailNic[] {
  const rails = new Set(
    seen.networks.flatMap(({ metadata, spec }) => (spec.rails ? [metadata.name] : [])),
  );
  const nics = new Map<string, RailNic>();
  for (const { spec } of seen.slices) {
    if (!rails.has(spec.config.name)) continue;
    for (const { netAddress, hosts } of spec.cidr) {
      if (netAddress.includes(":")) continue;
      for (const { hostName, interfaceName: name } of hosts) {
        if (hostName !== node) continue;
        nics.set(`${name} ${netAddress}`, { name, net: netAddress, rpFilter: rpFilter(name) });
      }
    }
  }
  return [...nics.values()];
}
