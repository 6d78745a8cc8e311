import type { HostInterface } from "../api/kinds.ts";
import type { Family } from "../ip.ts";
import { canonicalizer } from "./cidr-rows.ts";
import { compareNames } from "./names.ts";
import { compareNics } from "./nic-links.ts";

/** A NIC's place on a net. */
export interface NicNet {
  readonly net: string;
  readonly family: Family;
  /** "" for NICs without an address. */
  readonly hostIP: string;
}

export interface HostNic {
  readonly interfaceName: string;
  readonly pciAddress: string;
  /** [] when the NIC is known but its net is not (an IP-less row). */
  readonly nets: readonly NicNet[];
}

/** One host's NICs, lowest PCI address first. */
export interface HostNics {
  readonly host: string;
  readonly nics: readonly HostNic[];
}

/** Types that make links on a NIC; an IPoIB NIC carries none (src/README.md, ipvlan l3). */
export const linkTypes: ReadonlySet<string> = new Set(["ipvlan", "macvlan", "aws-ipvlan"]);

/** Reads the HostInterfaces of hosts that are alive (or may be), in the order of their names; only nets of `families` count. */
export function hostNics(
  hostInterfaces: readonly HostInterface[],
  families: readonly Family[],
  seen: {
    readonly liveNodes: ReadonlySet<string> | undefined;
    /** plugin.type: links on a NIC are something else than the NIC itself. */
    readonly pluginType: string;
  },
): { hosts: Map<string, HostNics>; notes: string[] } {
  const canonical = canonicalizer();
  const found: HostNics[] = [];
  const notes: string[] = [];
  for (const { spec, status } of hostInterfaces) {
    if (seen.liveNodes && !seen.liveNodes.has(spec.hostName)) continue;
    const unlinkable = new Set(
      status?.interfaces?.flatMap((nic) => (nic.reason === "IPoIB" ? [nic.interfaceName] : [])),
    );
    const nics = new Map<string, { interfaceName: string; pciAddress: string; nets: NicNet[] }>();
    for (const row of spec.interfaces) {
      const { interfaceName } = row;
      if (linkTypes.has(seen.pluginType) && unlinkable.has(interfaceName)) continue;
      const nic = nics.get(interfaceName) ?? {
        interfaceName,
        pciAddress: row.pciAddress ?? "",
        nets: [],
      };
      nics.set(interfaceName, nic);
      if (!row.netAddress) continue;
      const net = canonical(row.netAddress);
      if (!net) {
        notes.push(`${spec.hostName}: ${interfaceName}: "${row.netAddress}" is not a CIDR`);
      } else if (families.includes(net.prefix.family)) {
        nic.nets.push({ net: net.text, family: net.prefix.family, hostIP: row.hostIP ?? "" });
      }
    }
    found.push({ host: spec.hostName, nics: [...nics.values()].sort(compareNics) });
  }
  found.sort((a, b) => compareNames(a.host, b.host));
  return { hosts: new Map(found.map((host) => [host.host, host])), notes };
}

/** Returns a host's NICs on a net, lowest PCI address first; NICs without one (bonds, VLANs) come last, by name. */
export function nicsOn(host: HostNics, net: string): { nic: HostNic; hostIP: string }[] {
  const out: { nic: HostNic; hostIP: string }[] = [];
  for (const nic of host.nics) {
    const at = nic.nets.find((n) => n.net === net);
    if (at) out.push({ nic, hostIP: at.hostIP });
  }
  return out;
}
