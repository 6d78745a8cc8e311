import { align, concat, readAttributes, readText, readU32, wordsOf } from "./attribute.ts";

/** One netlink message; `body` is a view into the datagram, valid until the next receive. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly portid: number;
  readonly body: Uint8Array;
}

/** What to ask of the kernel: type and flags without NLM_F_REQUEST, the body in parts. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: readonly Uint8Array[];
}

/** The end of a conversation: NLMSG_ERROR or NLMSG_DONE. `errno` is positive, 0 for success. */
export interface Verdict {
  readonly errno: number;
  /** NLMSGERR_ATTR_MSG; on success it is a warning. */
  readonly text: string | undefined;
  /** NLMSGERR_ATTR_OFFS: where the refused attribute stands, counted from the request's nlmsghdr. */
  readonly offset: number | undefined;
}

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;
const HEADER = 16;

/** Writes one request with its nlmsghdr (linux/netlink.h): length, type, flags, sequence, port 0. */
export function writeMessage(request: Request, seq: number): Uint8Array {
  const bytes = concat([new Uint8Array(HEADER), ...request.body]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(4, request.type | ((request.flags | NLM_F_REQUEST) << 16), true);
  view.setUint32(8, seq, true);
  return bytes;
}

/** Splits a datagram into its messages. A length that does not fit ends it: the rest was cut off (MSG_TRUNC). */
export function readMessages(datagram: Uint8Array): Message[] {
  const messages: Message[] = [];
  const words = wordsOf(datagram);
  let at = 0;
  while (at + HEADER <= datagram.length) {
    const word = at >>> 2;
    const length = words[word] ?? 0;
    if (length < HEADER || at + length > datagram.length) break;
    const typeAndFlags = words[word + 1] ?? 0;
    messages.push({
      type: typeAndFlags & 0xffff,
      flags: typeAndFlags >>> 16,
      seq: words[word + 2] ?? 0,
      portid: words[word + 3] ?? 0,
      body: datagram.subarray(at + HEADER, at + length),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

/**
 * Reads NLMSG_ERROR and NLMSG_DONE; undefined for every other type. Both begin with a negative errno; a dump that fails
 * ends in NLMSG_DONE with one. With ACK_TLVS attributes follow: behind the echoed request, or its header alone if CAPPED.
 */
export function readVerdict(message: Message): Verdict | undefined {
  if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) return undefined;
  const errno = message.body.length >= 4 ? 0 - (readU32(message.body) | 0) : 0;
  if ((message.flags & NLM_F_ACK_TLVS) === 0) {
    return { errno, text: undefined, offset: undefined };
  }
  const attributes = readAttributes(message.body, endOfEcho(message));
  const text = attributes.get(NLMSGERR_ATTR_MSG);
  const offset = attributes.get(NLMSGERR_ATTR_OFFS);
  return {
    errno,
    text: text && readText(text),
    offset: offset && readU32(offset),
  };
}

function endOfEcho(message: Message): number {
  if (message.type === NLMSG_DONE) return 4;
  const echoed = (message.flags & NLM_F_CAPPED) !== 0 ? HEADER : readU32(message.body, 4);
  return 4 + align(Math.max(echoed, HEADER));
}
