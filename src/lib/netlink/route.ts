import { Failure } from "../errors.ts";
import { first, parsePrefix } from "../ip.ts";
import { addressBytes, addressText, afOf, familyOf, needAddress } from "./address.ts";
import {
  align,
  attribute,
  concat,
  nest,
  readAttributes,
  readU16,
  readU32,
  u32,
  writeU16,
  writeU32,
} from "./attribute.ts";
import { type Message, NLM_F_DUMP, type Request } from "./message.ts";
import { RTN_BLACKHOLE, RTN_PROHIBIT, RTN_UNREACHABLE } from "./routenumbers.ts";
import type { Family, NextHop, Route, RouteFilter } from "./types.ts";

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_IIF = 3;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTAX_MTU = 2;
const RTAX_ADVMSS = 8;
const RTNH_F_ONLINK = 4;
const RTM_F_LOOKUP_TABLE = 0x1000;
const HEADER = 12;
const NEXTHOP = 8;

/** Asks to add, replace or delete a route, as `type` (RTM_*) and `flags` (NLM_F_*) say. */
export function routeRequest(type: number, flags: number, route: Route): Request {
  const prefix = parsePrefix(route.dst);
  if (!prefix || prefix.family !== route.family) {
    throw new Failure(`${route.dst} is not an IPv${route.family} prefix`, { code: "EINVAL" });
  }
  const header = rtmsg(route.family, route.table);
  header[1] = prefix.length;
  header[5] = route.protocol;
  header[6] = route.scope;
  header[7] = route.type;
  const body = [header];
  // IPv4's default has no RTA_DST; IPv6 takes either way, and iproute2 sends ::/0.
  if (prefix.length > 0 || route.family === 6) {
    body.push(attribute(RTA_DST, addressBytes(first(prefix))));
  }
  const [only, ...more] = route.nexthops;
  if (only && more.length === 0 && only.weight === undefined) {
    if (only.onlink) writeU32(header, 8, RTNH_F_ONLINK);
    if (only.via !== undefined) body.push(gateway(route.family, only.via));
  }
  if (route.prefsrc !== undefined) {
    body.push(attribute(RTA_PREFSRC, addressBytes(needAddress(route.prefsrc))));
  }
  if (route.table > 255) body.push(u32(RTA_TABLE, route.table));
  if (route.metric !== 0) body.push(u32(RTA_PRIORITY, route.metric));
  if (only && more.length === 0 && only.weight === undefined) {
    if (only.oif !== undefined) body.push(u32(RTA_OIF, only.oif));
  }
  if (route.mtu !== undefined || route.advmss !== undefined) body.push(metrics(route));
  if (more.length > 0 || only?.weight !== undefined) body.push(multipath(route));
  return { type, flags, body };
}

/** Asks for routes; with NETLINK_GET_STRICT_CHK the kernel itself filters by table, protocol and interface. */
export function listRoutesRequest(filter: RouteFilter): Request {
  const header = rtmsg(filter.family, 0);
  header[5] = filter.protocol ?? 0;
  const body = [header];
  if (filter.table !== undefined) body.push(u32(RTA_TABLE, filter.table));
  if (filter.oif !== undefined) body.push(u32(RTA_OIF, filter.oif));
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, body };
}

/** Asks which route a packet would take (`ip route get`). */
export function lookupRequest(
  dst: string,
  options: { src?: string; oif?: number; iif?: number } = {},
): Request {
  const to = needAddress(dst);
  const header = rtmsg(to.family, 0);
  const bytes = addressBytes(to);
  // Anything but the full length is EINVAL. IPv4 tells the table only with the flag; IPv6 always does and refuses it.
  header[1] = bytes.length * 8;
  if (to.family === 4) writeU32(header, 8, RTM_F_LOOKUP_TABLE);
  const body = [header, attribute(RTA_DST, bytes)];
  if (options.src !== undefined) {
    const src = addressBytes(needAddress(options.src));
    header[2] = src.length * 8;
    body.push(attribute(RTA_SRC, src));
  }
  if (options.iif !== undefined) body.push(u32(RTA_IIF, options.iif));
  if (options.oif !== undefined) body.push(u32(RTA_OIF, options.oif));
  return { type: RTM_GETROUTE, flags: 0, body };
}

/** Reads RTM_NEWROUTE or RTM_DELROUTE; undefined for other types and families. */
export function readRoute(message: Message): Route | undefined {
  if (message.type !== RTM_NEWROUTE && message.type !== RTM_DELROUTE) return undefined;
  const { body } = message;
  const family = familyOf(body[0] ?? 0);
  if (family === undefined) return undefined;
  const attributes = readAttributes(body, HEADER);
  const dst = attributes.get(RTA_DST);
  const table = attributes.get(RTA_TABLE);
  const metric = attributes.get(RTA_PRIORITY);
  const hops = attributes.get(RTA_MULTIPATH);
  const any = family === 4 ? "0.0.0.0" : "::";
  const route: Route = {
    family,
    dst: `${dst ? addressText(dst) : any}/${body[1] ?? 0}`,
    table: table ? readU32(table) : (body[4] ?? 0),
    protocol: body[5] ?? 0,
    type: body[7] ?? 0,
    scope: body[6] ?? 0,
    metric: metric ? readU32(metric) : 0,
    nexthops: hops ? readHops(hops) : [readHop(attributes, readU32(body, 8))],
  };
  const prefsrc = attributes.get(RTA_PREFSRC);
  if (prefsrc) route.prefsrc = addressText(prefsrc);
  const bundle = attributes.get(RTA_METRICS);
  if (bundle) readMetrics(bundle, route);
  return route;
}

/** Says a route as a person reads it: `10.1.0.0/24 via 10.0.0.2 dev 5 table 30000`. */
export function routeText(route: Route): string {
  const hops = route.nexthops.map(hopText).filter((hop) => hop !== "");
  const to = hops.length > 1 ? hops.map((hop) => `nexthop ${hop}`) : hops;
  const table = route.table === 254 || route.table === 0 ? [] : [`table ${route.table}`];
  return [...typeText(route.type), route.dst, ...to, ...table].join(" ");
}

function rtmsg(family: Family, table: number): Uint8Array {
  const header = new Uint8Array(HEADER);
  header[0] = afOf(family);
  // The field has 8 bits: larger tables stand in RTA_TABLE alone.
  header[4] = table > 255 ? 0 : table;
  return header;
}

/** A gateway of the other family is RTA_VIA: its address family as u16, then the address. */
function gateway(family: Family, via: string): Uint8Array {
  const address = needAddress(via);
  const bytes = addressBytes(address);
  if (address.family === family) return attribute(RTA_GATEWAY, bytes);
  return attribute(RTA_VIA, concat([Uint8Array.of(afOf(address.family), 0), bytes]));
}

function metrics(route: Route): Uint8Array {
  const inner: Uint8Array[] = [];
  if (route.mtu !== undefined) inner.push(u32(RTAX_MTU, route.mtu));
  if (route.advmss !== undefined) inner.push(u32(RTAX_ADVMSS, route.advmss));
  return nest(RTA_METRICS, inner);
}

/** struct rtnexthop: length u16, flags u8, weight − 1 as u8, interface u32, then the hop's attributes. */
function multipath(route: Route): Uint8Array {
  const hops = route.nexthops.map((hop) => {
    const header = new Uint8Array(NEXTHOP);
    header[2] = hop.onlink ? RTNH_F_ONLINK : 0;
    header[3] = (hop.weight ?? 1) - 1;
    writeU32(header, 4, hop.oif ?? 0);
    const bytes = hop.via === undefined ? header : concat([header, gateway(route.family, hop.via)]);
    writeU16(bytes, 0, bytes.length);
    return bytes;
  });
  return nest(RTA_MULTIPATH, hops);
}

function readHops(bytes: Uint8Array): NextHop[] {
  const hops: NextHop[] = [];
  let at = 0;
  while (at + NEXTHOP <= bytes.length) {
    const length = readU16(bytes, at);
    if (length < NEXTHOP || at + length > bytes.length) break;
    const attributes = readAttributes(bytes.subarray(at, at + length), NEXTHOP);
    const hop = readHop(attributes, bytes[at + 2] ?? 0);
    hop.oif = readU32(bytes, at + 4);
    hop.weight = (bytes[at + 3] ?? 0) + 1;
    hops.push(hop);
    at += align(length);
  }
  return hops;
}

function readHop(attributes: Map<number, Uint8Array>, flags: number): NextHop {
  const hop: NextHop = {};
  const gateway = attributes.get(RTA_GATEWAY) ?? attributes.get(RTA_VIA)?.subarray(2);
  if (gateway) hop.via = addressText(gateway);
  const oif = attributes.get(RTA_OIF);
  if (oif) hop.oif = readU32(oif);
  if ((flags & RTNH_F_ONLINK) !== 0) hop.onlink = true;
  return hop;
}

function readMetrics(bytes: Uint8Array, route: Route): void {
  const metrics = readAttributes(bytes);
  const mtu = metrics.get(RTAX_MTU);
  if (mtu) route.mtu = readU32(mtu);
  const advmss = metrics.get(RTAX_ADVMSS);
  if (advmss) route.advmss = readU32(advmss);
}

function hopText(hop: NextHop): string {
  const words: string[] = [];
  if (hop.via !== undefined) words.push("via", hop.via);
  if (hop.oif !== undefined) words.push("dev", String(hop.oif));
  if (hop.onlink) words.push("onlink");
  return words.join(" ");
}

function typeText(type: number): string[] {
  if (type === RTN_BLACKHOLE) return ["blackhole"];
  if (type === RTN_UNREACHABLE) return ["unreachable"];
  return type === RTN_PROHIBIT ? ["prohibit"] : [];
}
