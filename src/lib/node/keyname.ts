import type { AttachmentKey } from "./contract.ts";

/** Longest name of a file (NAME_MAX of linux/limits.h), less what a suffix may take. */
const longest = 240;

/**
 * Returns a readable file name that stands for an attachment's key and for no other: none of its parts may hold a colon,
 * which the CNI programs see to. A key that makes no file name gets its digest, as keyFileName has it.
 */
export function plainKeyName(key: AttachmentKey): string {
  const name = `${key.containerID}:${key.ifname}:${key.network}`;
  // A digest brings in the runtime's crypto library, which a CNI program has no other use for.
  const isName = name.length <= longest && !name.includes("/") && !name.includes("\0");
  return isName ? name : keyFileName(key);
}

/** Returns a file name that stands for an attachment's key and for no other: 32 hex digits, whatever the key holds. */
export function keyFileName({ network, containerID, ifname }: AttachmentKey): string {
  return new Bun.CryptoHasher("sha256")
    .update(JSON.stringify({ network, containerID, ifname }))
    .digest("hex")
    .slice(0, 32);
}
