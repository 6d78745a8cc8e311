import { Failure } from "../errors.ts";
import { errnoOf } from "../netlink/errno.ts";
import { addressOf, cString, dlopenLibc, errno, failed, writeFile } from "./libc.ts";

/** Binds a socket to an address given as the bytes of its sockaddr. */
export function bind(fd: number, address: Uint8Array): void {
  check(rareLib().bind(fd, address, address.length), "bind a socket");
}

/** Makes a folder; one that is there already is success. */
export function mkdir(path: string, mode = 0o777): void {
  if (rareLib().mkdir(cString(path), mode) === 0) return;
  if (errnoOf(errno()).name !== "EEXIST") throw failed(`make the folder ${path}`);
}

/** Becomes another program: same process, environment and open standard streams. Returns only by throwing. */
export function exec(argv: readonly [string, ...string[]]): never {
  const texts = argv.map(cString);
  const list = new BigUint64Array([...texts.map((text) => addressOf(text)), 0n]);
  const [file = cString("")] = texts;
  check(rareLib().execv(file, list), `run ${argv[0]}`);
  throw new Failure(`Cannot run ${argv[0]}`);
}

/** Gives the calling thread new namespaces of its own (CLONE_NEWNET, CLONE_NEWNS). */
export function unshare(flags: number): void {
  check(rareLib().unshare(flags), "make a namespace");
}

/** Mounts; `type` and `source` are "" where the kernel ignores them. */
export function mount(
  source: string,
  target: string,
  options: { type?: string; flags?: number; data?: string } = {},
): void {
  const { type = "", flags = 0, data = "" } = options;
  const result = rareLib().mount(
    cString(source),
    cString(target),
    cString(type),
    BigInt(flags),
    cString(data),
  );
  check(result, `mount ${source || type} on ${target}`);
}

/** Unmounts `target`; MNT_DETACH as `flags` takes it away even while it is in use. */
export function umount(target: string, flags = 0): void {
  check(rareLib().umount2(cString(target), flags), `unmount ${target}`);
}

/** Ends the process at once without running any more JavaScript; `last` goes to stderr first. */
export function abandon(last: string): never {
  const bytes = new TextEncoder().encode(`${last}\n`);
  writeFile(2, bytes);
  rareLib()._exit(70);
  throw new Failure(last);
}

let lib: ReturnType<typeof bindRare> | undefined;

function rareLib(): ReturnType<typeof bindRare> {
  lib ??= bindRare();
  return lib;
}

/** Each function that is bound costs 10 µs, so those that a CNI ADD does not need are bound when the first of them is called. */
function bindRare() {
  return dlopenLibc({
    _exit: { args: ["i32"], returns: "void" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    execv: { args: ["ptr", "ptr"], returns: "i32" },
    mkdir: { args: ["ptr", "u32"], returns: "i32" },
    mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
    umount2: { args: ["ptr", "i32"], returns: "i32" },
    unshare: { args: ["i32"], returns: "i32" },
  });
}

function check(result: number, doing: string): void {
  if (result < 0) throw failed(doing);
}
