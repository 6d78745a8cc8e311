import type { AttachmentKey } from "./contract.ts";

/** Returns a file name that stands for an attachment's key and for no other: 32 hex digits, whatever the key holds. */
export function keyFileName({ network, containerID, ifname }: AttachmentKey): string {
  return new Bun.CryptoHasher("sha256")
    .update(JSON.stringify({ network, containerID, ifname }))
    .digest("hex")
    .slice(0, 32);
}
