import type { Fault } from "../errors.ts";
import { comparePrefixes, type Family, type Prefix } from "../ip.ts";
import { canonicalizer } from "./cidr-rows.ts";
import type { HostNics } from "./hostnics.ts";

/** What says which nets a network is about. */
export interface WantedSeen {
  readonly masterNets: readonly string[];
  readonly families: readonly Family[];
  readonly hosts: ReadonlyMap<string, HostNics>;
  /** Nets that are listed now and must stay. */
  readonly keep: readonly string[];
}

/** Gives the nets a network wants with their family, in the order in which their planes are numbered: as the user named them, else by address, IPv4 first. */
export function wantedNets(seen: WantedSeen): {
  nets: Map<string, Family>;
  faults: Fault[];
  notes: string[];
} {
  const canonical = canonicalizer();
  const faults: Fault[] = [];
  const notes: string[] = [];
  const nets = new Map<string, Family>();
  for (const [i, text] of seen.masterNets.entries()) {
    const net = canonical(text);
    if (!net) {
      faults.push({ path: `spec.masterNets[${i}]`, problem: `"${text}" is not a CIDR` });
    } else if (seen.families.includes(net.prefix.family)) nets.set(net.text, net.prefix.family);
    else notes.push(`spec.masterNets[${i}]: ${text} has no address family of the subnet: left out`);
  }
  if (seen.masterNets.length > 0) return { nets, faults, notes };
  const found = new Map<string, Prefix>();
  const add = (text: string) => {
    if (found.has(text)) return;
    const net = canonical(text);
    if (net) found.set(net.text, net.prefix);
  };
  for (const host of seen.hosts.values()) {
    for (const nic of host.nics) for (const { net } of nic.nets) add(net);
  }
  for (const net of seen.keep) add(net);
  const sorted = [...found].sort(([, a], [, b]) => comparePrefixes(a, b));
  return { nets: new Map(sorted.map(([net, { family }]) => [net, family])), faults, notes };
}
