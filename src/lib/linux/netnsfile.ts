import { Failure } from "../errors.ts";
import { close, fileSystemType, identify, open } from "./libc.ts";

/** linux/magic.h: namespace files live on nsfs; before Linux 3.19 on proc. */
const NSFS_MAGIC = 0x6e736673;

/** Returns which namespace a file stands for, as stat(2) numbers it. ENOENT when there is none, `NotNetns` for another file. */
export function identifyNetns(path: string): { dev: bigint; ino: bigint } {
  const fd = open(path);
  try {
    return identifyOpen(fd, path);
  } finally {
    close(fd);
  }
}

/** Does the same for an open file; `path` is for the error. */
export function identifyOpen(fd: number, path: string): { dev: bigint; ino: bigint } {
  if (fileSystemType(fd) !== NSFS_MAGIC) {
    throw new Failure(`${path} is not a network namespace: it is an ordinary file`, {
      code: "NotNetns",
    });
  }
  return identify(`/proc/thread-self/fd/${fd}`);
}
