import { addressAt, bits, last, type Prefix, prefixOf, size } from "../ip.ts";

/**
 * Returns what a cloud keeps for itself in a subnet of its own. EC2: the first four addresses and the last, in
 * either family (Amazon VPC User Guide, "Subnet CIDR blocks"). `providerIDs` are those of the nodes (`aws:///eu-west-1a/i-…`).
 */
export function cloudReserved(subnet: Prefix, providerIDs: readonly string[]): Prefix[] {
  if (size(subnet) < 8n) return [];
  if (!providerIDs.some((id) => id.startsWith("aws:"))) return [];
  const whole = bits(subnet.family);
  return [prefixOf(addressAt(subnet, 0), whole - 2), prefixOf(last(subnet), whole)];
}
