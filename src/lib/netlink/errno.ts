/** An errno as people and callers see it. */
export interface Errno {
  readonly name: string;
  readonly text: string;
}

/** Names an errno; the sentence is used where the kernel sends no text of its own (most EEXIST, ENODEV, ESRCH, ENOENT). */
export function errnoOf(errno: number): Errno {
  const known = byNumber[errno];
  if (!known) return { name: `E${errno}`, text: `error ${errno}` };
  const at = known.indexOf(" ");
  return { name: known.slice(0, at), text: known.slice(at + 1) };
}

/** asm-generic/errno.h: what rtnetlink and the calls in libc.ts return. The same numbers on x86-64 and arm64. */
const byNumber: Readonly<Record<number, string>> = {
  1: "EPERM Operation not permitted",
  2: "ENOENT There is no such entry",
  3: "ESRCH There is no such route",
  4: "EINTR Interrupted",
  5: "EIO Input or output failed",
  6: "ENXIO There is no such device or address",
  7: "E2BIG The list is too long",
  9: "EBADF The file descriptor is not open",
  11: "EAGAIN Nothing arrived in time",
  12: "ENOMEM Out of memory",
  13: "EACCES Access is denied",
  14: "EFAULT Bad memory address",
  16: "EBUSY The device or resource is busy",
  17: "EEXIST It exists already",
  18: "EXDEV The other end is on another device",
  19: "ENODEV There is no such interface",
  20: "ENOTDIR A part of the path is not a folder",
  21: "EISDIR The path is a folder",
  22: "EINVAL The kernel refuses an argument",
  23: "ENFILE Too many open files on this machine",
  24: "EMFILE Too many open files in this process",
  28: "ENOSPC No space is left",
  30: "EROFS The file system is read-only",
  32: "EPIPE Nobody reads at the other end",
  34: "ERANGE A value is out of range",
  36: "ENAMETOOLONG The name is too long",
  38: "ENOSYS This kernel lacks the call",
  40: "ELOOP Too many levels of links",
  71: "EPROTO Protocol error",
  75: "EOVERFLOW The value is too large",
  90: "EMSGSIZE The message is too long",
  92: "ENOPROTOOPT This kernel lacks the socket option",
  93: "EPROTONOSUPPORT The protocol is not supported",
  95: "EOPNOTSUPP The operation is not supported here",
  97: "EAFNOSUPPORT The address family is not supported",
  98: "EADDRINUSE The address is in use",
  99: "EADDRNOTAVAIL There is no such address here",
  100: "ENETDOWN The network is down",
  101: "ENETUNREACH Network is unreachable",
  103: "ECONNABORTED The connection was aborted",
  104: "ECONNRESET The connection was reset",
  105: "ENOBUFS The receive buffer overflowed",
  107: "ENOTCONN The socket is not connected",
  110: "ETIMEDOUT Timed out",
  111: "ECONNREFUSED Nobody listens there",
  113: "EHOSTUNREACH No route to host",
};
