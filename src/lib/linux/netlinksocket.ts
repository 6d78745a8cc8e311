import type { Exchange } from "../netlink/conn.ts";
import {
  AF_NETLINK,
  NETLINK_ROUTE,
  recv,
  SOCK_RAW,
  SOL_NETLINK,
  send,
  setReceiveTimeout,
  setSocketOption,
  socket,
} from "./libc.ts";

const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
/** Smaller buffers truncate dumps, and the rest is lost (the kernel sends up to 32 KiB at a time). */
const BUFFER = 65536;
/** The kernel answers before send returns; this only bounds the wait for an answer that was lost (ENOBUFS). */
const ANSWER_SECONDS = 5;

/** Opens a netlink socket, of rtnetlink unless told otherwise; it stays in the namespace in which it was opened. */
export function openSocket(protocol: number = NETLINK_ROUTE): number {
  const fd = socket(AF_NETLINK, SOCK_RAW, protocol);
  // Kernels before 4.12 and 4.20 lack these: errors then have no text, and dumps are filtered here as well.
  setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  setSocketOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  setSocketOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
  setReceiveTimeout(fd, ANSWER_SECONDS);
  return fd;
}

/** Asks for the descriptor each time: a closed Kernel answers EBADF and never writes to who got its number next. */
export function exchangeOver(descriptor: () => number): Exchange {
  const buffer = new Uint8Array(BUFFER);
  return (request, take) => {
    const fd = descriptor();
    send(fd, request);
    while (!take(buffer.subarray(0, recv(fd, buffer))));
  };
}
