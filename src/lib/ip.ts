/**
 * Addresses of both families as numbers. Parsed by hand because the CNI program reads addresses in every run and the
 * library costs it 4 ms to load; test/lib/ip.test.ts holds this parser against the library's.
 */

export type Family = 4 | 6;

/** One address; `value` is its number, 32 or 128 bits. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** A CIDR; `base` is its first address, host bits cleared. */
export interface Prefix {
  readonly family: Family;
  readonly base: bigint;
  readonly length: number;
}

/** Returns the bits of an address: 32 or 128. */
export function bits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Parses `10.0.0.1` or `fd00::1`; undefined when it is not an address (a prefix length, zone or port included). */
export function parseAddress(text: string): Address | undefined {
  const family = text.includes(":") ? 6 : 4;
  const value = family === 6 ? parse6(text) : parse4(text);
  return value === undefined ? undefined : { family, value };
}

/** Parses `10.0.0.0/16`; host bits are cleared. Undefined when it is not a CIDR with its prefix length. */
export function parsePrefix(text: string): Prefix | undefined {
  const parsed = parseAddressWithLength(text);
  return parsed && prefixOf(parsed.address, parsed.length);
}

/** Parses `10.0.1.5/24` into the address and its prefix length, host bits kept. */
export function parseAddressWithLength(
  text: string,
): { address: Address; length: number } | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  const length = decimal(digits);
  if (!address || length === undefined) return undefined;
  return length <= bits(address.family) ? { address, length } : undefined;
}

/** Writes `fd00:0::1/64` as the kernel does, `fd00::1/64`, to compare with what it lists; other text as it came. */
export function canonicalWithLength(text: string): string {
  const parsed = parseAddressWithLength(text);
  return parsed ? `${formatAddress(parsed.address)}/${parsed.length}` : text;
}

/** Returns the block of `length` bits that holds the address. */
export function prefixOf(address: Address, length: number): Prefix {
  const host = BigInt(bits(address.family) - length);
  return { family: address.family, base: (address.value >> host) << host, length };
}

/** Writes an address in its canonical form (RFC 5952 for IPv6). */
export function formatAddress(address: Address): string {
  if (address.family === 6) return format6(address.value);
  const n = Number(address.value);
  return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
}

/** Writes a CIDR in its canonical form. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(first(prefix))}/${prefix.length}`;
}

/** Returns how many addresses a prefix holds. */
export function size(prefix: Prefix): bigint {
  return 1n << BigInt(bits(prefix.family) - prefix.length);
}

/** Returns a prefix's first address. */
export function first(prefix: Prefix): Address {
  return { family: prefix.family, value: prefix.base };
}

/** Returns a prefix's last address. */
export function last(prefix: Prefix): Address {
  return { family: prefix.family, value: prefix.base + size(prefix) - 1n };
}

/** Returns the address `index` places after the first one. */
export function addressAt(prefix: Prefix, index: number | bigint): Address {
  return { family: prefix.family, value: prefix.base + BigInt(index) };
}

/** Tells whether `outer` holds all of `inner`. */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return outer.family === inner.family && outer.length <= inner.length && holds(outer, inner.base);
}

/** Tells whether a prefix holds an address. */
export function containsAddress(prefix: Prefix, address: Address): boolean {
  return prefix.family === address.family && holds(prefix, address.value);
}

/** Tells whether two prefixes share an address. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return containsPrefix(a, b) || containsPrefix(b, a);
}

/** Returns the `index`-th block of `length` bits inside a prefix. */
export function subPrefix(prefix: Prefix, length: number, index: number | bigint): Prefix {
  return {
    family: prefix.family,
    base: prefix.base + (BigInt(index) << BigInt(bits(prefix.family) - length)),
    length,
  };
}

/** Orders addresses: IPv4 first, then by number. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** Orders prefixes by family, first address, then the larger block first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareAddresses(first(a), first(b)) || a.length - b.length;
}

function holds(prefix: Prefix, value: bigint): boolean {
  const host = BigInt(bits(prefix.family) - prefix.length);
  return value >> host === prefix.base >> host;
}

/**
 * Reads up to three digits without a leading zero. By hand: the first use of a regular expression costs a short-lived
 * process as much as all the parsing there is to do.
 */
function decimal(text: string): number | undefined {
  if (text === "" || text.length > 3 || (text.length > 1 && text.charAt(0) === "0")) {
    return undefined;
  }
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

/** Four decimal parts without leading zeros (RFC 6943 section 3.1.1: other forms are read differently by different programs). */
function parse4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    const byte = decimal(part);
    if (byte === undefined || byte > 255) return undefined;
    value = value * 256 + byte;
  }
  return BigInt(value);
}

/** RFC 4291 section 2.2: eight groups, one run of zeros as `::`, the last two groups also as IPv4. */
function parse6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] ?? "", true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  let value = 0n;
  for (const group of [...head, ...new Array<number>(missing).fill(0), ...tail]) {
    value = (value << 16n) | BigInt(group);
  }
  return value;
}

function groups(text: string, mayEndInIPv4: boolean): number[] | undefined {
  if (text === "") return [];
  const out: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (mayEndInIPv4 && i === parts.length - 1 && part.includes(".")) {
      const v4 = parse4(part);
      if (v4 === undefined) return undefined;
      out.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) out.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return out;
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function format6(value: bigint): string {
  const parts: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) parts.push(Number((value >> shift) & 0xffffn));
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && parts[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    if (end > i) i = end;
  }
  const hex = (from: number, to?: number) =>
    parts
      .slice(from, to)
      .map((part) => part.toString(16))
      .join(":");
  return start < 0 ? hex(0) : `${hex(0, start)}::${hex(start + length)}`;
}
