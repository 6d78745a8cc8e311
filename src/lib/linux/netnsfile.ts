import { Failure } from "../errors.ts";
import { CLONE_NEWNET, close, fileSystemType, identify, O_PATH, open, systemCall } from "./libc.ts";

/** linux/magic.h: namespace files live on nsfs; before Linux 3.19 on proc. */
const NSFS_MAGIC = 0x6e736673;
/** Number of the system call (asm/unistd_64.h, asm-generic/unistd.h); the request is ioctl_ns(2)'s. */
const SYS_ioctl = process.arch === "arm64" ? 29 : 16;
const NS_GET_NSTYPE = 0xb703n;

/**
 * Opens a network namespace's file. Looks before it opens: a FIFO would block us for ever, and some devices act on being
 * opened. ENOENT when there is none, `NotNetns` for anything else.
 */
export function openNetnsFile(path: string): number {
  const found = open(path, O_PATH);
  try {
    if (fileSystemType(found) !== NSFS_MAGIC) throw notNetns(path, "an ordinary file");
    // The very file that was looked at, whatever its name leads to now.
    const fd = open(`/proc/thread-self/fd/${found}`);
    if (systemCall(SYS_ioctl, fd, NS_GET_NSTYPE, 0, 0, null) === CLONE_NEWNET) return fd;
    close(fd);
    throw notNetns(path, "a namespace of another kind");
  } finally {
    close(found);
  }
}

/** Returns which namespace a file stands for, as stat(2) numbers it; throws as openNetnsFile does. */
export function identifyNetns(path: string): { dev: bigint; ino: bigint } {
  const fd = openNetnsFile(path);
  try {
    return identifyOpen(fd);
  } finally {
    close(fd);
  }
}

/** Does the same for an open file. */
export function identifyOpen(fd: number): { dev: bigint; ino: bigint } {
  return identify(`/proc/thread-self/fd/${fd}`);
}

function notNetns(path: string, kind: string): Failure {
  return new Failure(`${path} is not a network namespace: it is ${kind}`, { code: "NotNetns" });
}
