import { dlopen, type FFIFunction, ptr, read } from "bun:ffi";
import { Failure } from "../errors.ts";
import { errnoOf } from "../netlink/errno.ts";

export const AF_UNIX = 1;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const NETLINK_ROUTE = 0;
export const SOL_SOCKET = 1;
export const SOL_NETLINK = 270;
export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWNET = 0x40000000;
export const MS_BIND = 0x1000;
export const MNT_DETACH = 2;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_PATH = 0o10000000;
export const O_NOFOLLOW = process.arch === "arm64" ? 0o100000 : 0o400000;
const O_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;
/** The system call's number (asm/unistd_64.h, asm-generic/unistd.h); glibc has had the function only since 2.28. */
const SYS_statx = process.arch === "arm64" ? 291 : 332;
const STATX_INO = 0x100;
const EINTR = 4;

/** Opens a socket and returns its file descriptor, which is closed on exec. */
export function socket(domain: number, type: number, protocol: number): number {
  const fd = (lib ?? openLib()).socket(domain, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) throw failed("open a socket");
  return fd;
}

/** Connects a socket to an address given as the bytes of its sockaddr; the send timeout bounds how long that takes. */
export function connect(fd: number, address: Uint8Array): void {
  const c = lib ?? openLib();
  while (c.connect(fd, address, address.length) < 0)
    if (!interrupted()) throw failed("connect a socket");
}

/** Sends what the socket takes of a stream and returns how many bytes that was. */
export function sendSome(fd: number, bytes: Uint8Array): number {
  const MSG_NOSIGNAL = 0x4000;
  const c = lib ?? openLib();
  for (;;) {
    const sent = c.send(fd, bytes, bytes.length, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (!interrupted()) throw failed("send on a socket");
  }
}

/** Sends a whole datagram. */
export function send(fd: number, bytes: Uint8Array): void {
  const c = lib ?? openLib();
  while (c.send(fd, bytes, bytes.length, 0) < 0)
    if (!interrupted()) throw failed("send to the kernel");
}

/** Receives one datagram into `buffer` and returns its length. */
export function recv(fd: number, buffer: Uint8Array): number {
  const c = lib ?? openLib();
  for (;;) {
    const received = c.recv(fd, buffer, buffer.length, 0);
    if (received >= 0) return received;
    if (!interrupted()) throw failed("receive from the kernel");
  }
}

/** Sets an integer socket option; false when this kernel does not know it (ENOPROTOOPT). */
export function setSocketOption(fd: number, level: number, option: number, value: number): boolean {
  const bytes = new Int32Array([value]);
  if ((lib ?? openLib()).setsockopt(fd, level, option, bytes, 4) === 0) return true;
  if (errnoOf(errno()).name === "ENOPROTOOPT") return false;
  throw failed(`set socket option ${option}`);
}

/** Sets SO_RCVTIMEO, so that no receive blocks for ever. */
export function setReceiveTimeout(fd: number, seconds: number): void {
  const SO_RCVTIMEO = 20;
  const wait = timeval(seconds);
  const result = (lib ?? openLib()).setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, wait, 16);
  if (result < 0) throw failed("set SO_RCVTIMEO");
}

/** Sets SO_SNDTIMEO, so that neither a connect nor a send blocks for ever. */
export function setSendTimeout(fd: number, seconds: number): void {
  const SO_SNDTIMEO = 21;
  const wait = timeval(seconds);
  const result = (lib ?? openLib()).setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, wait, 16);
  if (result < 0) throw failed("set SO_SNDTIMEO");
}

/** A struct timeval; never 0, which would be "for ever". */
function timeval(seconds: number): BigInt64Array {
  const micro = BigInt(Math.max(1, Math.round(seconds * 1e6)));
  return new BigInt64Array([micro / 1_000_000n, micro % 1_000_000n]);
}

/** Opens a file with O_* flags (O_RDONLY when left out) and returns its file descriptor, closed on exec. */
export function open(path: string, flags = 0, mode = 0): number {
  const fd = (lib ?? openLib()).open(cString(path), flags | O_CLOEXEC, mode);
  if (fd < 0) throw failed(`open ${path}`);
  return fd;
}

/** Closes a file descriptor. */
export function close(fd: number): void {
  if ((lib ?? openLib()).close(fd) < 0) throw failed(`close file descriptor ${fd}`);
}

/** Reads from a file descriptor into `buffer` and returns how many bytes came; 0 = the end. */
export function readFile(fd: number, buffer: Uint8Array): number {
  const c = lib ?? openLib();
  for (;;) {
    const got = c.read(fd, buffer, buffer.length);
    if (got >= 0) return got;
    if (!interrupted()) throw failed(`read file descriptor ${fd}`);
  }
}

/** Writes bytes to a file descriptor in one call, as files of /proc want it, and returns how many it took. */
export function writeFile(fd: number, bytes: Uint8Array): number {
  const c = lib ?? openLib();
  for (;;) {
    const took = c.write(fd, bytes, bytes.length);
    if (took >= 0) return took;
    if (!interrupted()) throw failed(`write to file descriptor ${fd}`);
  }
}

/** Takes a file's name away; false when there is none. */
export function unlink(path: string): boolean {
  if ((lib ?? openLib()).unlink(cString(path)) === 0) return true;
  if (errnoOf(errno()).name !== "ENOENT") throw failed(`remove ${path}`);
  return false;
}

/** Reads which file a path leads to: device number as in stat(2), and inode. */
export function identify(path: string): { dev: bigint; ino: bigint } {
  // struct statx is 256 bytes on every architecture: stx_ino at 32, stx_dev_major and _minor at 136 and 140.
  const statx = new Uint8Array(256);
  const c = lib ?? openLib();
  const result = c.syscall(SYS_statx, AT_FDCWD, cString(path), 0, STATX_INO, statx);
  if (result < 0) throw failed(`look at ${path}`);
  const view = new DataView(statx.buffer);
  const major = BigInt(view.getUint32(136, true));
  const minor = BigInt(view.getUint32(140, true));
  return { dev: makedev(major, minor), ino: view.getBigUint64(32, true) };
}

/** Makes a system call of five arguments by its number; returns its result, below 0 when it failed. */
export function systemCall(
  number: number,
  ...args: [number, Uint8Array | bigint, number, number, Uint8Array | null]
): number {
  return Number((lib ?? openLib()).syscall(number, ...args));
}

/** gnu_dev_makedev(3): how user space puts the two halves of a device number together. */
function makedev(major: bigint, minor: bigint): bigint {
  const low = (minor & 0xffn) | ((major & 0xfffn) << 8n);
  return low | ((minor & ~0xffn) << 12n) | ((major & ~0xfffn) << 32n);
}

/** Moves the calling thread into the namespace that `fd` stands for. */
export function setns(fd: number, kind: number): void {
  if ((lib ?? openLib()).setns(fd, kind) < 0) throw failed("enter a namespace");
}

/** Locks an open file (LOCK_EX, with LOCK_NB without waiting); false when another process holds it. */
export function flock(fd: number, operation: number): boolean {
  const c = lib ?? openLib();
  while (c.flock(fd, operation) < 0) {
    if (interrupted()) continue;
    if (errnoOf(errno()).name === "EAGAIN") return false;
    throw failed("lock a file");
  }
  return true;
}

/** Returns the magic number of the file system an open file lives on (statfs.f_type). */
export function fileSystemType(fd: number): number {
  // struct statfs begins with f_type as a long and is 120 bytes long on x86-64 and arm64.
  const statfs = new BigInt64Array(16);
  if ((lib ?? openLib()).fstatfs(fd, statfs) < 0) throw failed("read a file system's type");
  return Number(statfs[0]);
}

/**
 * libc, opened once per process (0.2 ms), so only where a call is made; without a JIT bun:ffi cannot (code `NoFFI`). Asked
 * for in place by each call, and results checked there: an ADD makes fifty calls, and a function of ours that is called
 * that often makes the runtime start its compiler, which costs 3 MB and a millisecond.
 */
let lib: ReturnType<typeof bindOften> | undefined;

function openLib(): ReturnType<typeof bindOften> {
  lib ??= bindOften();
  return lib;
}

/** Tells whether C functions can be called from this process at all. */
export function hasFfi(): boolean {
  try {
    openLib();
    return true;
  } catch {
    // What stands in the way is told by whoever has to do without.
    return false;
  }
}

/** What a CNI call or a daemon's steady work uses. */
function bindOften() {
  return dlopenLibc({
    __errno_location: { args: [], returns: "ptr" },
    connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    flock: { args: ["i32", "i32"], returns: "i32" },
    fstatfs: { args: ["i32", "ptr"], returns: "i32" },
    open: { args: ["ptr", "i32", "u32"], returns: "i32" },
    read: { args: ["i32", "ptr", "u64"], returns: "i32" },
    // Lengths here are far below 2^31, so the lower half of ssize_t says all.
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
    send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
    setns: { args: ["i32", "i32"], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    write: { args: ["i32", "ptr", "u64"], returns: "i32" },
    unlink: { args: ["ptr"], returns: "i32" },
    syscall: { args: ["i64", "i32", "ptr", "i32", "u32", "ptr"], returns: "i64" },
  });
}

/** Binds functions of libc; code `NoFFI` where that is not possible. */
export function dlopenLibc<const T extends Record<string, FFIFunction>>(functions: T) {
  try {
    return dlopen("libc.so.6", functions).symbols;
  } catch (cause) {
    throw new Failure(
      "Cannot call the kernel from this process (bun:ffi needs its JIT and libc.so.6)",
      {
        code: "NoFFI",
        cause,
      },
    );
  }
}

/** Reads errno; nothing may come between the call and this. */
export function errno(): number {
  const location = (lib ?? openLib()).__errno_location();
  return typeof location === "number" ? read.i32(location) : 0;
}

/** Words a failed call by errno, which is its code; nothing may come between the call and this. */
export function failed(doing: string): Failure {
  const { name, text } = errnoOf(errno());
  return new Failure(`Cannot ${doing}: ${text} (${name})`, { code: name });
}

/** A signal may interrupt any blocking call, and does so on a socket with SO_RCVTIMEO whatever SA_RESTART says (signal(7)). */
function interrupted(): boolean {
  return errno() === EINTR;
}

/** Returns where bytes lie in memory, for a structure that points to them; they must stay reachable as long as it is used. */
export function addressOf(bytes: Uint8Array): bigint {
  return BigInt(ptr(bytes));
}

/** Writes a text as C has it, with its NUL. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
