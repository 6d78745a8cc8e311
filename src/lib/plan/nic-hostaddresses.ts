import {
  bits,
  containsAddress,
  type Family,
  formatAddress,
  formatPrefix,
  type Prefix,
  parseAddressWithLength,
  parsePrefix,
  prefixOf,
} from "../ip.ts";

/** An address of a link as rtnetlink lists it. */
export interface SeenAddress {
  readonly index: number;
  readonly family: Family;
  /** With prefix length: `10.0.1.1/24`. */
  readonly address: string;
  /** RT_SCOPE_*: 0 global. */
  readonly scope: number;
  /** IFA_F_*. */
  readonly flags: number;
}

/** The network and the address of one row. */
export interface HostAddress {
  readonly family: Family;
  readonly netAddress: string;
  readonly hostIP: string;
}

const globalScope = 0;
const temporary = 0x01; // IFA_F_TEMPORARY for IPv6; the same bit is IFA_F_SECONDARY for IPv4
const dadFailed = 0x08;
const tentative = 0x40;
const linkLocal = parsePrefix("fe80::/10");

/**
 * Returns a link's addresses that a row can carry, the best of each family first: not link-local, not still being checked for
 * duplicates, no privacy addresses; a whole network before a single address; the kernel's order otherwise.
 */
export function usableAddresses(index: number, addresses: readonly SeenAddress[]): HostAddress[] {
  const usable: (HostAddress & { single: boolean })[] = [];
  for (const seen of addresses) {
    if (seen.index !== index || seen.scope !== globalScope) continue;
    if (seen.family === 6 && (seen.flags & (temporary | dadFailed | tentative)) !== 0) continue;
    const parsed = parseAddressWithLength(seen.address);
    if (!parsed || (linkLocal && containsAddress(linkLocal, parsed.address))) continue;
    usable.push({
      family: seen.family,
      netAddress: formatPrefix(prefixOf(parsed.address, parsed.length)),
      hostIP: formatAddress(parsed.address),
      single: parsed.length === bits(seen.family),
    });
  }
  return usable
    .sort((a, b) => a.family - b.family || Number(a.single) - Number(b.single))
    .map(({ family, netAddress, hostIP }) => ({ family, netAddress, hostIP }));
}

/** Returns the networks that a link's addresses are in. */
export function networksOf(index: number, addresses: readonly SeenAddress[]): Prefix[] {
  return usableAddresses(index, addresses).flatMap(
    ({ netAddress }) => parsePrefix(netAddress) ?? [],
  );
}
