import type { Cidr, HostInterface, IPPool } from "../api/kinds.ts";
import { type Family, formatPrefix, type Prefix, parsePrefix } from "../ip.ts";

/** One podCIDR of one host: a row of a CIDR object, flat. */
export interface Row {
  readonly host: string;
  readonly hostIndex: number;
  readonly planeIndex: number;
  readonly family: Family;
  /** Net address of the plane, in canonical form. */
  readonly net: string;
  readonly vlanCIDR: string;
  readonly podCIDR: string;
  readonly interfaceName: string;
  readonly hostIP: string;
}

/** What the CIDR objects hold now. */
export interface Stored {
  readonly rows: readonly Row[];
  /** Planes listed without a host: they keep their index as long as the network names them. */
  readonly empty: readonly { readonly net: string; readonly planeIndex: number }[];
}

/** Reads the slices of a network; an entry whose netAddress is no CIDR is left out and named in `bad`. */
export function readSlices(slices: readonly Cidr[]): { stored: Stored; bad: string[] } {
  const canonical = canonicalizer();
  const rows: Row[] = [];
  const empty: { net: string; planeIndex: number }[] = [];
  const bad: string[] = [];
  const seen = new Set<string>();
  for (const slice of slices) {
    for (const entry of slice.spec.cidr) {
      const net = canonical(entry.netAddress);
      if (!net) {
        bad.push(`${slice.metadata.name}: netAddress "${entry.netAddress}" is not a CIDR`);
        continue;
      }
      if (entry.hosts.length === 0) empty.push({ net: net.text, planeIndex: entry.interfaceIndex });
      for (const at of entry.hosts) {
        const key = `${at.hostName} ${at.hostIndex} ${entry.interfaceIndex} ${net.text}`;
        if (slices.length > 1 && seen.has(key)) continue;
        seen.add(key);
        rows.push({
          host: at.hostName,
          hostIndex: at.hostIndex,
          planeIndex: entry.interfaceIndex,
          family: net.prefix.family,
          net: net.text,
          vlanCIDR: canonicalText(entry.vlanCIDR),
          podCIDR: canonicalText(at.podCIDR),
          interfaceName: at.interfaceName,
          hostIP: at.hostIP,
        });
      }
    }
  }
  return { stored: { rows, empty }, bad };
}

/** A podCIDR that running pods may hold: its pool shows allocations, or the host's nicd reports it. */
export interface InUse {
  readonly host: string;
  readonly podCIDR: string;
}

/** Gives each podCIDR that is in use on a host which is alive, keyed by `useKey`. */
export function podCIDRsInUse(
  network: string,
  seen: {
    readonly pools: readonly IPPool[];
    readonly hostInterfaces: readonly HostInterface[];
    readonly liveNodes: ReadonlySet<string> | undefined;
  },
): Map<string, InUse> {
  const out = new Map<string, InUse>();
  const add = (host: string, text: string) => {
    if (seen.liveNodes && !seen.liveNodes.has(host)) return;
    const podCIDR = canonicalText(text);
    out.set(useKey(host, podCIDR), { host, podCIDR });
  };
  for (const { spec } of seen.pools) {
    if (spec.netAttachDef === network && spec.allocations.length > 0) {
      add(spec.hostName, spec.podCIDR);
    }
  }
  for (const hostInterface of seen.hostInterfaces) {
    for (const report of hostInterface.status?.networks ?? []) {
      if (report.name !== network) continue;
      for (const podCIDR of report.podCIDRs) add(hostInterface.spec.hostName, podCIDR);
    }
  }
  return out;
}

/** Keys a podCIDR of a host. */
export function useKey(host: string, podCIDR: string): string {
  return `${host} ${podCIDR}`;
}

/** Remembers parsed CIDRs: a cluster has few net addresses and many rows that name them. */
export function canonicalizer(): (
  text: string,
) => { readonly prefix: Prefix; readonly text: string } | undefined {
  const known = new Map<string, { prefix: Prefix; text: string } | undefined>();
  return (text) => {
    if (known.has(text)) return known.get(text);
    const prefix = parsePrefix(text);
    const value = prefix && { prefix, text: formatPrefix(prefix) };
    known.set(text, value);
    return value;
  };
}

/** Writes an IPv6 CIDR as we write it; IPv4 has one form only, and what is no CIDR stays as it is. */
export function canonicalText(text: string): string {
  if (!text.includes(":")) return text;
  const prefix = parsePrefix(text);
  return prefix ? formatPrefix(prefix) : text;
}
