/** One attribute as read: its payload is a view into the datagram, valid until the next receive. */
export interface Attribute {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** The two upper bits are NLA_F_NESTED and NLA_F_NET_BYTEORDER (linux/netlink.h). */
export const NLA_TYPE_MASK = 0x3fff;
/** RTM_NEWLINKPROP refuses IFLA_PROP_LIST without it; other nests may go without, as iproute2 sends them. */
export const NLA_F_NESTED = 0x8000;
const HEADER = 4;

/** Writes one attribute: length and type (u16 each, host order), payload, zeros up to a multiple of 4. */
export function attribute(type: number, payload: Uint8Array): Uint8Array {
  const length = HEADER + payload.length;
  const bytes = new Uint8Array((length + 3) & ~3);
  bytes[0] = length;
  bytes[1] = length >>> 8;
  bytes[2] = type;
  bytes[3] = type >>> 8;
  bytes.set(payload, HEADER);
  return bytes;
}

/** Writes an attribute that holds other attributes or a header followed by attributes. */
export function nest(type: number, parts: readonly Uint8Array[]): Uint8Array {
  return attribute(type, concat(parts));
}

/** Writes a text attribute with its NUL, as the kernel itself answers. */
export function text(type: number, value: string): Uint8Array {
  return attribute(type, new TextEncoder().encode(`${value}\0`));
}

/** Writes a text attribute without NUL, as iproute2 sends IFLA_INFO_KIND and IFLA_IFALIAS. */
export function bareText(type: number, value: string): Uint8Array {
  return attribute(type, new TextEncoder().encode(value));
}

/** Writes an unsigned 8-bit attribute. */
export function u8(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(value));
}

/** Writes an unsigned 16-bit attribute in host order. */
export function u16(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(value, value >>> 8));
}

/** Writes an unsigned 32-bit attribute in host order. */
export function u32(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24));
}

/**
 * Reads the attributes between `start` and the end of `bytes`; a length that does not fit ends the list (nla_ok). Written
 * without calls: a link has a hundred attributes, and small functions that hot make the CNI program load a JIT (3 MB).
 */
export function readAttributes(bytes: Uint8Array, start = 0): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const words = wordsOf(bytes);
  let at = start;
  while (at + HEADER <= bytes.length) {
    const header = words[at >>> 2] ?? 0;
    const length = header & 0xffff;
    if (length < HEADER || at + length > bytes.length) break;
    found.set((header >>> 16) & NLA_TYPE_MASK, bytes.subarray(at + HEADER, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

/** Reads one attribute of a short list; undefined when it is not there. */
export function readAttribute(bytes: Uint8Array, type: number): Uint8Array | undefined {
  const words = wordsOf(bytes);
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const header = words[at >>> 2] ?? 0;
    const length = header & 0xffff;
    if (length < HEADER || at + length > bytes.length) break;
    if (((header >>> 16) & NLA_TYPE_MASK) === type) return bytes.subarray(at + HEADER, at + length);
    at += (length + 3) & ~3;
  }
  return undefined;
}

/**
 * Returns the same bytes as words in host order, which is little-endian wherever this runs; netlink aligns everything to
 * 4 bytes. A read of a typed array costs the interpreter some 500 instructions, so a header is one read and not four.
 */
export function wordsOf(bytes: Uint8Array): Uint32Array {
  const { buffer, byteOffset, length } = byteOf(bytes);
  return new Uint32Array(buffer, byteOffset, length >>> 2);
}

/** A view that does not begin at a multiple of 4 is copied. */
function byteOf(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
}

/** Reads a list in which one type repeats, such as the names in IFLA_PROP_LIST. */
export function readAttributeList(bytes: Uint8Array, start = 0): Attribute[] {
  const found: Attribute[] = [];
  let at = start;
  while (at + HEADER <= bytes.length) {
    const length = readU16(bytes, at);
    if (length < HEADER || at + length > bytes.length) break;
    const payload = bytes.subarray(at + HEADER, at + length);
    found.push({ type: readU16(bytes, at + 2) & NLA_TYPE_MASK, payload });
    at += align(length);
  }
  return found;
}

/** Reads a text payload, with or without its NUL. */
export function readText(payload: Uint8Array | undefined): string {
  if (!payload) return "";
  const end = payload.indexOf(0);
  return new TextDecoder().decode(end < 0 ? payload : payload.subarray(0, end));
}

/** Reads a u16 in host order; every machine this runs on (x86-64, arm64) is little-endian. */
export function readU16(bytes: Uint8Array, at = 0): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

/** Reads a u32 in host order. */
export function readU32(bytes: Uint8Array, at = 0): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  return (low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}

/** Reads a u64 in host order. */
export function readU64(bytes: Uint8Array, at = 0): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigUint64(0, true);
}

/** Stores a u16 in host order. */
export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Stores a u32 in host order. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  writeU16(bytes, at, value);
  writeU16(bytes, at + 2, value >>> 16);
}

/** Rounds a length up to the 4 bytes netlink aligns everything to. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** Joins byte runs into one. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
