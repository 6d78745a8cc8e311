import type { HostInterface } from "../api/kinds.ts";
import {
  comparePrefixes,
  containsPrefix,
  formatPrefix,
  last,
  overlaps,
  type Prefix,
  parsePrefix,
} from "../ip.ts";

/** A network and its subnet as the user wrote it: "", one CIDR, or one per family. */
export interface NamedSubnet {
  readonly name: string;
  readonly subnet: string;
}

/** Two networks whose subnets share addresses. */
export interface SubnetOverlap {
  readonly a: string;
  readonly b: string;
  readonly message: string;
}

/** Finds every pair of networks whose subnets overlap, each pair once, by name; a subnet that is no CIDR is left out. */
export function overlappingSubnets(networks: readonly NamedSubnet[]): SubnetOverlap[] {
  const sorted = [...networks].sort((a, b) => (a.name < b.name ? -1 : 1));
  const parsed = sorted.map((network) => ({ name: network.name, prefixes: parse(network.subnet) }));
  const out: SubnetOverlap[] = [];
  for (const [i, a] of parsed.entries()) {
    for (const b of parsed.slice(i + 1)) {
      const hit = firstOverlap(a.prefixes, b.prefixes);
      if (!hit) continue;
      const message = `spec.subnet: ${formatPrefix(hit[0])} of network ${a.name} overlaps ${formatPrefix(hit[1])} of network ${b.name}: give one of them another range`;
      out.push({ a: a.name, b: b.name, message });
    }
  }
  return out;
}

/** Finds where a network's subnet overlaps hosts' own networks: pods there would hide hosts, or hosts pods. One warning per net. */
export function hostNetOverlaps(
  network: NamedSubnet,
  hostInterfaces: readonly HostInterface[],
): string[] {
  const subnets = parse(network.subnet);
  if (subnets.length === 0) return [];
  const seen = new Map<string, string>();
  for (const { spec } of hostInterfaces) {
    for (const { netAddress, interfaceName } of spec.interfaces) {
      if (netAddress && !seen.has(netAddress)) {
        seen.set(netAddress, `${interfaceName} of ${spec.hostName}`);
      }
    }
  }
  const out: string[] = [];
  for (const [text, nic] of seen) {
    const hit = firstOverlap(subnets, parse(text));
    if (hit) {
      out.push(`${formatPrefix(hit[0])} of network ${network.name} overlaps ${text} of ${nic}`);
    }
  }
  return out;
}

/**
 * Finds nets that overlap an earlier one of the list, as pairs (the one that stays, the one that goes).
 * Sorted by address a net can only meet its neighbours, so a list without overlaps costs one pass.
 */
export function overlappingNets(nets: readonly string[]): [kept: string, dropped: string][] {
  const items: { net: string; rank: number; prefix: Prefix }[] = [];
  for (const [rank, net] of nets.entries()) {
    const prefix = parsePrefix(net);
    if (prefix) items.push({ net, rank, prefix });
  }
  items.sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  const out: [string, string][] = [];
  for (let i = 0; i < items.length; ) {
    const head = items[i];
    if (!head) break;
    let end = i + 1;
    while (end < items.length && within(head.prefix, items[end]?.prefix)) end++;
    const kept: typeof items = [];
    for (const item of items.slice(i, end).sort((a, b) => a.rank - b.rank)) {
      const winner = kept.find((other) => overlaps(other.prefix, item.prefix));
      if (winner) out.push([winner.net, item.net]);
      else kept.push(item);
    }
    i = end;
  }
  return out;
}

function within(outer: Prefix, inner: Prefix | undefined): boolean {
  return (
    inner !== undefined && containsPrefix(outer, inner) && last(inner).value <= last(outer).value
  );
}

function parse(text: string): Prefix[] {
  return text.split(",").flatMap((part) => parsePrefix(part.trim()) ?? []);
}

function firstOverlap(
  a: readonly Prefix[],
  b: readonly Prefix[],
): readonly [Prefix, Prefix] | undefined {
  for (const x of a) {
    for (const y of b) if (overlaps(x, y)) return [x, y];
  }
  return undefined;
}
