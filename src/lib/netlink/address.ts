import { Failure } from "../errors.ts";
import {
  type Address,
  type Family,
  formatAddress,
  parseAddress,
  parseAddressWithLength,
} from "../ip.ts";
import { attribute, readAttributes, readText, readU32, writeU32 } from "./attribute.ts";
import { type Message, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, type Request } from "./message.ts";
import type { LinkAddress } from "./types.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const HEADER = 8;

/** Asks to add `10.0.1.1/24` to a link; NLM_F_EXCL, so an address that is there already answers EEXIST. */
export function addAddressRequest(
  index: number,
  address: string,
  options: { nodad?: boolean } = {},
): Request {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return { type: RTM_NEWADDR, flags, body: addressBody(index, address, options.nodad === true) };
}

/** Asks to take an address from a link; deleting a primary IPv4 address takes its secondaries with it. */
export function deleteAddressRequest(index: number, address: string): Request {
  return { type: RTM_DELADDR, flags: 0, body: addressBody(index, address, false) };
}

/** Asks for the addresses of one family, or of both. */
export function listAddressesRequest(family?: Family): Request {
  const header = new Uint8Array(HEADER);
  header[0] = family === undefined ? 0 : afOf(family);
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, body: [header] };
}

/** Reads RTM_NEWADDR or RTM_DELADDR; undefined for other types and families. */
export function readAddress(message: Message): LinkAddress | undefined {
  if (message.type !== RTM_NEWADDR && message.type !== RTM_DELADDR) return undefined;
  const { body } = message;
  const family = familyOf(body[0] ?? 0);
  if (family === undefined) return undefined;
  const attributes = readAttributes(body, HEADER);
  // IFA_ADDRESS is the peer on a point-to-point link; IFA_LOCAL is ours where it is present (linux/if_addr.h).
  const local = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (!local) return undefined;
  const flags = attributes.get(IFA_FLAGS);
  return {
    index: readU32(body, 4),
    family,
    address: `${addressText(local)}/${body[1] ?? 0}`,
    scope: body[3] ?? 0,
    flags: flags ? readU32(flags) : (body[2] ?? 0),
    label: readText(attributes.get(IFA_LABEL)),
  };
}

/** Writes an address in network order: 4 or 16 bytes. */
export function addressBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(address.family === 4 ? 4 : 16);
  let rest = address.value;
  for (let at = bytes.length - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** Reads 4 or 16 bytes in network order as text. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return formatAddress({ family: 6, value });
}

/** Parses an address a caller hands in; a Failure with code EINVAL names the text. */
export function needAddress(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new Failure(`${text} is not an IP address`, { code: "EINVAL" });
  return address;
}

/** Parses an address with prefix length a caller hands in; a Failure with code EINVAL names the text. */
export function needAddressWithLength(text: string): { address: Address; length: number } {
  const parsed = parseAddressWithLength(text);
  if (!parsed)
    throw new Failure(`${text} is not an IP address with a prefix length`, { code: "EINVAL" });
  return parsed;
}

/** Turns 4 or 6 into AF_INET or AF_INET6. */
export function afOf(family: Family): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** Turns AF_INET or AF_INET6 into 4 or 6; undefined for other families, such as 128 (ipmr). */
export function familyOf(af: number): Family | undefined {
  return af === AF_INET ? 4 : af === AF_INET6 ? 6 : undefined;
}

function addressBody(index: number, text: string, nodad: boolean): Uint8Array[] {
  const { address, length } = needAddressWithLength(text);
  const header = new Uint8Array(HEADER);
  header[0] = afOf(address.family);
  header[1] = length;
  writeU32(header, 4, index);
  const bytes = addressBytes(address);
  if (nodad) header[2] = IFA_F_NODAD;
  return [header, attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)];
}
