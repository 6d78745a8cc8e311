import { Failure } from "../errors.ts";
import {
  attribute,
  bareText,
  NLA_F_NESTED,
  NLA_TYPE_MASK,
  nest,
  readAttributeList,
  readText,
  readU16,
  readU32,
  readU64,
  text,
  u32,
  wordsOf,
  writeU32,
} from "./attribute.ts";
import { linkInfo, readLinkInfo } from "./linkinfo.ts";
import {
  type Message,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  type Request,
} from "./message.ts";
import type { Link, LinkChange, NewLink, NewLinkOptions } from "./types.ts";

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWLINKPROP = 108;
export const RTM_DELLINKPROP = 109;

export const IFF_UP = 0x1;
const IFF_LOWER_UP = 0x10000;

/** linux/if_link.h */
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_STATS64 = 23;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_PROP_LIST = 52;
const IFLA_ALT_IFNAME = 53;
const IFLA_PERM_ADDRESS = 54;
/** Without it each link brings some 370 bytes of inet6 counters; STATS64 stays. */
const RTEXT_FILTER_SKIP_STATS = 8;
/** IFNAMSIZ − 1: a longer name can only be an altname. */
const NAME_MAX = 15;
const HEADER = 16;
const ATTRIBUTE_HEADER = 4;

/** Asks to create a link, all in one message: name, lower link, namespace, MAC, MTU, IFF_UP. */
export function addLinkRequest(name: string, link: NewLink, options: NewLinkOptions = {}): Request {
  const body = [ifinfomsg(0, options.up)];
  if (options.mac !== undefined) body.push(attribute(IFLA_ADDRESS, macBytes(options.mac)));
  if (options.mtu !== undefined) body.push(u32(IFLA_MTU, options.mtu));
  if (options.netnsFd !== undefined) body.push(u32(IFLA_NET_NS_FD, options.netnsFd));
  if ("parent" in link) body.push(u32(IFLA_LINK, link.parent));
  body.push(text(IFLA_IFNAME, name));
  body.push(nest(IFLA_LINKINFO, linkInfo(link)));
  return { type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, body };
}

/** Asks to change a link; the kernel moves it first, then sets MAC, MTU, name, alias, master and IFF_UP (do_setlink). */
export function setLinkRequest(index: number, change: LinkChange): Request {
  const body = [ifinfomsg(index, change.up)];
  if (change.mac !== undefined) body.push(attribute(IFLA_ADDRESS, macBytes(change.mac)));
  if (change.mtu !== undefined) body.push(u32(IFLA_MTU, change.mtu));
  if (change.netnsFd !== undefined) body.push(u32(IFLA_NET_NS_FD, change.netnsFd));
  if (change.alias !== undefined) body.push(bareText(IFLA_IFALIAS, change.alias));
  if (change.master !== undefined) body.push(u32(IFLA_MASTER, change.master));
  if (change.name !== undefined) body.push(text(IFLA_IFNAME, change.name));
  return { type: RTM_NEWLINK, flags: 0, body };
}

/** Asks to give a link, found by name, an alias: RTM_NEWLINK ignores IFLA_IFALIAS while it creates (rtnl_create_link). */
export function setAliasRequest(name: string, alias: string): Request {
  const body = [ifinfomsg(0), nameAttribute(name), bareText(IFLA_IFALIAS, alias)];
  return { type: RTM_NEWLINK, flags: 0, body };
}

/** Asks to delete a link by index, name or altname. */
export function deleteLinkRequest(nameOrIndex: string | number): Request {
  const body = [ifinfomsg(typeof nameOrIndex === "number" ? nameOrIndex : 0)];
  if (typeof nameOrIndex === "string") body.push(nameAttribute(nameOrIndex));
  return { type: RTM_DELLINK, flags: 0, body };
}

/** Asks for one link by index, name or altname. */
export function getLinkRequest(nameOrIndex: string | number): Request {
  const body = [
    ifinfomsg(typeof nameOrIndex === "number" ? nameOrIndex : 0),
    u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS),
  ];
  if (typeof nameOrIndex === "string") body.push(nameAttribute(nameOrIndex));
  return { type: RTM_GETLINK, flags: 0, body };
}

/** Asks for all links. */
export function listLinksRequest(): Request {
  const body = [ifinfomsg(0), u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)];
  return { type: RTM_GETLINK, flags: NLM_F_DUMP, body };
}

/** Asks to add or remove an altname; RTM_NEWLINKPROP and RTM_DELLINKPROP insist on NLA_F_NESTED. */
export function altnameRequest(
  type: typeof RTM_NEWLINKPROP | typeof RTM_DELLINKPROP,
  index: number,
  altname: string,
): Request {
  const list = nest(IFLA_PROP_LIST | NLA_F_NESTED, [text(IFLA_ALT_IFNAME, altname)]);
  const flags = type === RTM_NEWLINKPROP ? NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND : 0;
  return { type, flags, body: [ifinfomsg(index), list] };
}

/** Reads RTM_NEWLINK or RTM_DELLINK; undefined for other types and for AF_BRIDGE port messages. */
export function readLink(message: Message): Link | undefined {
  if (message.type !== RTM_NEWLINK && message.type !== RTM_DELLINK) return undefined;
  const { body } = message;
  // A bridge port sends AF_BRIDGE messages too, a RTM_DELLINK among them when it leaves the bridge.
  if (body[0] !== 0) return undefined;
  const flags = readU32(body, 8);
  const link: Link = {
    index: readU32(body, 4),
    name: "",
    altnames: [],
    type: readU16(body, 2),
    flags,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    mtu: 0,
    mac: "",
    permMac: "",
    operstate: 0,
    kind: "",
    master: 0,
    link: 0,
    linkNetnsid: undefined,
    alias: "",
    stats: undefined,
  };
  // A link has forty to sixty attributes. In one loop without calls, and objects only for what is wanted: a function called
  // that often makes the CNI program start its JIT, which takes longer than everything else here.
  const words = wordsOf(body);
  for (let at = HEADER; at + ATTRIBUTE_HEADER <= body.length; ) {
    const header = words[at >>> 2] ?? 0;
    const length = header & 0xffff;
    const start = at + ATTRIBUTE_HEADER;
    const end = at + length;
    if (length < ATTRIBUTE_HEADER || end > body.length) break;
    switch ((header >>> 16) & NLA_TYPE_MASK) {
      case IFLA_IFNAME:
        link.name = readText(body.subarray(start, end));
        break;
      case IFLA_PROP_LIST:
        link.altnames = readAltnames(body.subarray(start, end));
        break;
      case IFLA_MTU:
        link.mtu = words[start >>> 2] ?? 0;
        break;
      case IFLA_ADDRESS:
        link.mac = macText(body.subarray(start, end));
        break;
      case IFLA_PERM_ADDRESS:
        link.permMac = macText(body.subarray(start, end));
        break;
      case IFLA_OPERSTATE:
        link.operstate = length > ATTRIBUTE_HEADER ? (body[start] ?? 0) : 0;
        break;
      case IFLA_MASTER:
        link.master = words[start >>> 2] ?? 0;
        break;
      case IFLA_LINK:
        link.link = words[start >>> 2] ?? 0;
        break;
      case IFLA_LINK_NETNSID:
        link.linkNetnsid = words[start >>> 2] ?? 0;
        break;
      case IFLA_IFALIAS:
        link.alias = readText(body.subarray(start, end));
        break;
      case IFLA_STATS64:
        link.stats = readStats(body.subarray(start, end));
        break;
      case IFLA_LINKINFO:
        readLinkInfo(body.subarray(start, end), link);
        break;
    }
    at += (length + 3) & ~3;
  }
  return link;
}

function ifinfomsg(index: number, up?: boolean): Uint8Array {
  const header = new Uint8Array(HEADER);
  writeU32(header, 4, index);
  if (up !== undefined) {
    writeU32(header, 8, up ? IFF_UP : 0);
    writeU32(header, 12, IFF_UP);
  }
  return header;
}

function nameAttribute(name: string): Uint8Array {
  return text(name.length > NAME_MAX ? IFLA_ALT_IFNAME : IFLA_IFNAME, name);
}

function readAltnames(payload: Uint8Array): string[] {
  const names: string[] = [];
  for (const one of readAttributeList(payload)) {
    if (one.type === IFLA_ALT_IFNAME) names.push(readText(one.payload));
  }
  return names;
}

/** struct rtnl_link_stats64: rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped, … */
function readStats(payload: Uint8Array): Link["stats"] {
  if (payload.length < 64) return undefined;
  return {
    rxBytes: readU64(payload, 16),
    txBytes: readU64(payload, 24),
    rxDropped: readU64(payload, 48),
    txDropped: readU64(payload, 56),
  };
}

/** toHex, and no loop over the bytes: the first `for … of` over a typed array costs a short-lived process 0.1 ms. */
function macText(payload: Uint8Array): string {
  const hex = payload.toHex();
  let written = hex.slice(0, 2);
  for (let at = 2; at < hex.length; at += 2) written += `:${hex.slice(at, at + 2)}`;
  return written;
}

function macBytes(mac: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2})+$/i.test(mac)) {
    throw new Failure(`${mac} is not a hardware address such as 02:00:00:00:00:01`, {
      code: "EINVAL",
    });
  }
  return Uint8Array.from(mac.split(":"), (pair) => Number.parseInt(pair, 16));
}
