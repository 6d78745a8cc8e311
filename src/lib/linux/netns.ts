import { codeOf, explain, Failure } from "../errors.ts";
import type { Kernel, Netns } from "./kernel.ts";
import {
  CLONE_NEWNET,
  close,
  MNT_DETACH,
  MS_BIND,
  O_CREAT,
  O_EXCL,
  open,
  setns,
  unlink,
} from "./libc.ts";
import { openSocket } from "./netlinksocket.ts";
import { identifyOpen, openNetnsFile } from "./netnsfile.ts";
import { abandon, mkdir, mount, umount, unshare } from "./rarelibc.ts";
import { kernelOn } from "./rtnetlink.ts";

/** The thread's own namespace; /proc/self would be the main thread's. */
const OWN = "/proc/thread-self/ns/net";

/** Opens a network namespace file. Failure `ENOENT` when there is none, `NotNetns` when the file is something else. */
export function openNetns(path: string): Netns {
  let fd: number;
  try {
    fd = openNetnsFile(path);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "NotNetns") throw cause;
    throw new Failure(`Cannot open the network namespace ${path}`, { code, cause });
  }
  try {
    return new NetnsFile(path, fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Runs `call` with this thread inside a network namespace, for what no socket can do: writing /proc/sys/net.
 * Synchronous only: an await inside would leave Bun's helper threads in the foreign namespace.
 */
export function inside<T>(netns: Netns, call: () => T): T {
  const home = open(OWN);
  try {
    setns(netns.fd, CLONE_NEWNET);
    try {
      return call();
    } finally {
      goHome(home);
    }
  } finally {
    close(home);
  }
}

/** Makes a network namespace and binds it to `path`, which must not exist; its links are all down. */
export function createNetns(path: string): Netns {
  const refuse = (cause: unknown) =>
    new Failure(`Cannot make the network namespace ${path}`, { code: codeOf(cause), cause });
  try {
    for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1))
      mkdir(path.slice(0, at));
    close(open(path, O_CREAT | O_EXCL, 0o444));
  } catch (cause) {
    throw refuse(cause);
  }
  try {
    bindNewNetns(path);
    return openNetns(path);
  } catch (cause) {
    deleteNetns(path);
    throw refuse(cause);
  }
}

/** Takes a namespace's file away; the namespace itself goes with its last process, socket or open file. A missing one is success. */
export function deleteNetns(path: string): void {
  try {
    umount(path, MNT_DETACH);
  } catch (error) {
    // EINVAL: a plain file, nothing is mounted on it.
    if (!["ENOENT", "EINVAL"].includes(codeOf(error) ?? "")) throw error;
  }
  unlink(path);
}

class NetnsFile implements Netns {
  readonly path: string;
  readonly fd: number;
  readonly dev: bigint;
  readonly ino: bigint;
  #open = true;

  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    ({ dev: this.dev, ino: this.ino } = identifyOpen(fd));
  }

  open(): Kernel {
    try {
      return kernelOn(inside(this, () => openSocket()));
    } catch (cause) {
      const code = codeOf(cause) === "EINVAL" ? "NotNetns" : codeOf(cause);
      throw new Failure(`Cannot open a socket in the network namespace ${this.path}`, {
        code,
        cause,
      });
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function bindNewNetns(path: string): void {
  const home = open(OWN);
  try {
    unshare(CLONE_NEWNET);
    try {
      mount(OWN, path, { flags: MS_BIND });
    } finally {
      goHome(home);
    }
  } finally {
    close(home);
  }
}

/** A thread that cannot return must not run another line: it would change a pod's network for the host's. */
function goHome(home: number): void {
  try {
    setns(home, CLONE_NEWNET);
  } catch (error) {
    abandon(`multinic: cannot leave a foreign network namespace, giving up: ${explain(error)}`);
  }
}
