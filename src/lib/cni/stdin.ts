import { readSync } from "node:fs";
import { codeOf } from "../errors.ts";

const descriptor = 0;

/**
 * Reads all of stdin. Bun.stdin brings a thread and 4 MB of code along that one blocking read does not need; it is asked
 * only where the caller's pipe does not block.
 */
export async function readStdin(): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  let text = "";
  try {
    for (;;) {
      const length = readSync(descriptor, buffer);
      if (length === 0) break;
      text += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
  } catch (error) {
    if (codeOf(error) !== "EAGAIN") throw error;
    text += decoder.decode(await Bun.stdin.bytes(), { stream: true });
  }
  return text + decoder.decode();
}
