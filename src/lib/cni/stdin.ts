import { readSync } from "node:fs";
import { codeOf } from "../errors.ts";

const descriptor = 0;

/**
 * Reads all of stdin. Bun.stdin brings a thread and 4 MB of code along that one blocking read does not need; it is asked
 * only where the caller's pipe does not block.
 */
export async function readStdin(): Promise<string> {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(65536);
  try {
    for (;;) {
      const length = readSync(descriptor, buffer);
      if (length === 0) break;
      chunks.push(buffer.slice(0, length));
    }
  } catch (error) {
    if (codeOf(error) !== "EAGAIN") throw error;
    chunks.push(await Bun.stdin.bytes());
  }
  return Buffer.concat(chunks).toString("utf8");
}
