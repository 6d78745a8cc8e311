import type { HostInterface } from "../api/kinds.ts";
import {
  type Address,
  bits,
  compareAddresses,
  comparePrefixes,
  containsPrefix,
  first,
  formatPrefix,
  last,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixOf,
} from "../ip.ts";
import { parseRange } from "./cidr-blocks.ts";

/** Gives every address that no pod may get wherever it lies: hosts' own and gateways; sorted, each once. */
export function specialAddresses(
  hostInterfaces: readonly HostInterface[],
  gateways: readonly string[],
): Address[] {
  const texts = new Set(gateways);
  for (const { spec } of hostInterfaces) {
    for (const { hostIP } of spec.interfaces) if (hostIP) texts.add(hostIP);
  }
  return [...texts].flatMap((text) => parseAddress(text) ?? []).sort(compareAddresses);
}

/** Returns a function that gives the excludes of a podCIDR: CIDRs in canonical form, sorted by address, none inside another. */
export function poolExcludes(from: {
  readonly excludeCIDRs: readonly string[];
  /** Sorted (see `specialAddresses`). */
  readonly special: readonly Address[];
  readonly cloudReserved: (vlan: Prefix) => readonly Prefix[];
}): (podCIDR: string, vlanCIDR: string) => string[] {
  const excludes = from.excludeCIDRs.flatMap((text) => parseRange(text) ?? []);
  const reserved = new Map<string, readonly Prefix[]>();
  return (podCIDR, vlanCIDR) => {
    const pod = parsePrefix(podCIDR);
    if (!pod) return [];
    let cloud = reserved.get(vlanCIDR);
    if (!cloud) {
      const vlan = parsePrefix(vlanCIDR);
      cloud = vlan ? from.cloudReserved(vlan) : [];
      reserved.set(vlanCIDR, cloud);
    }
    const inside: Prefix[] = [];
    for (const range of [...excludes, ...cloud]) {
      if (range.length > pod.length && containsPrefix(pod, range)) inside.push(range);
    }
    const end = last(pod);
    for (let i = firstFrom(from.special, first(pod)); i < from.special.length; i++) {
      const address = from.special[i];
      if (!address || compareAddresses(address, end) > 0) break;
      inside.push(prefixOf(address, bits(address.family)));
    }
    return outermost(inside).map(formatPrefix);
  };
}

function outermost(prefixes: Prefix[]): Prefix[] {
  const out: Prefix[] = [];
  for (const prefix of prefixes.sort(comparePrefixes)) {
    const top = out.at(-1);
    if (!top || !containsPrefix(top, prefix)) out.push(prefix);
  }
  return out;
}

/** Binary search: the first of the sorted addresses that is not below `from`. */
function firstFrom(sorted: readonly Address[], from: Address): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = sorted[middle];
    if (at && compareAddresses(at, from) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
