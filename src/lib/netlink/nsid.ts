import { readAttributes, readU32, u32 } from "./attribute.ts";
import type { Message, Request } from "./message.ts";

const RTM_NEWNSID = 88;
const RTM_GETNSID = 90;
/** linux/net_namespace.h */
const NETNSA_NSID = 1;
const NETNSA_FD = 3;
/** struct rtgenmsg, padded. */
const HEADER = 4;

/** Asks by which number the namespace of a socket knows another one, which `fd` holds open. */
export function nsidRequest(fd: number): Request {
  return { type: RTM_GETNSID, flags: 0, body: [new Uint8Array(HEADER), u32(NETNSA_FD, fd)] };
}

/** Reads the number (`Link.linkNetnsid` is one); -1 = it knows it by none. */
export function readNsid(message: Message): number | undefined {
  if (message.type !== RTM_NEWNSID) return undefined;
  const payload = readAttributes(message.body, HEADER).get(NETNSA_NSID);
  return payload && readU32(payload) | 0;
}
