import { first, formatAddress, type Prefix, parsePrefix } from "../ip.ts";

/** Gives the SHA-256 of a text as 64 hex digits; handed in, because a pure layer has none. */
export type Sha256 = (text: string) => string;

/** Label of generated objects that names their network. */
export const netnameLabel = "netname";
/** Label of an IPPool that names its host. */
export const hostnameLabel = "hostname";

/** Names the IPPool of a podCIDR: `<network>-<podCIDR, / as ->`; IPv6 written out in full, `:` as `-`. */
export function poolName(network: string, podCIDR: Prefix): string {
  return `${network}-${addressPart(podCIDR)}-${podCIDR.length}`;
}

/** Names slice `k` of a network: the first one as the network itself. */
export function sliceName(network: string, k: number): string {
  return k === 0 ? network : `${network}--s${k}`;
}

/** Returns which slice of the network a CIDR object's name says it is; undefined when it is none. */
export function sliceNumber(network: string, name: string): number | undefined {
  if (name === network) return 0;
  if (!name.startsWith(`${network}--s`)) return undefined;
  const digits = name.slice(network.length + 3);
  return /^[1-9][0-9]*$/.test(digits) ? Number(digits) : undefined;
}

/** Fits a name into a label value: over 63 characters the first 54, `-`, 8 hex of its SHA-256. */
export function labelValue(name: string, sha256: Sha256): string {
  return name.length <= 63 ? name : `${name.slice(0, 54)}-${sha256(name).slice(0, 8)}`;
}

/** Orders names with their numbers read as numbers: host2 before host10. */
export function compareNames(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const x = left[i] ?? "";
    const y = right[i] ?? "";
    if (x === y) continue;
    const difference = /^\d/.test(x) && /^\d/.test(y) ? Number(x) - Number(y) : 0;
    return difference || (x < y ? -1 : 1);
  }
  return left.length - right.length;
}

/** Names the IPPool of a podCIDR given in canonical form; a text that is no CIDR is taken as it is. */
export function poolNameOf(network: string, podCIDR: string): string {
  const prefix = podCIDR.includes(":") ? parsePrefix(podCIDR) : undefined;
  return prefix ? poolName(network, prefix) : `${network}-${podCIDR.replace("/", "-")}`;
}

function addressPart(prefix: Prefix): string {
  if (prefix.family === 4) return formatAddress(first(prefix));
  const hex = prefix.base.toString(16).padStart(32, "0");
  return hex.match(/.{4}/g)?.join("-") ?? hex;
}
