import { cString, failed, systemCall } from "./libc.ts";

/** Number of the system call (asm/unistd_64.h, asm-generic/unistd.h). */
const SYS_statx = process.arch === "arm64" ? 291 : 332;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const STATX_TYPE_MODE_UID = 0xb;

/** Reads whose a file is, and its st_mode; a link is not followed. */
export function ownership(path: string): { uid: number; mode: number } {
  // struct statx is 256 bytes on every architecture: stx_uid at 20, stx_mode at 28.
  const bytes = new Uint8Array(256);
  const flags = AT_SYMLINK_NOFOLLOW;
  if (systemCall(SYS_statx, AT_FDCWD, cString(path), flags, STATX_TYPE_MODE_UID, bytes) < 0)
    throw failed(`look at ${path}`);
  const view = new DataView(bytes.buffer);
  return { uid: view.getUint32(20, true), mode: view.getUint16(28, true) };
}
