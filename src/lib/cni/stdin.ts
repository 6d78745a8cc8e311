import { codeOf } from "../errors.ts";
import { readFile } from "../linux/libc.ts";

const descriptor = 0;

/**
 * Reads all of stdin. Bun.stdin brings threads and node:fs a millisecond along that one blocking read does not need;
 * Bun.stdin is asked only where FFI is not possible or the caller's pipe does not block.
 */
export async function readStdin(): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(8192);
  let text = "";
  try {
    for (;;) {
      const length = readFile(descriptor, buffer);
      if (length === 0) break;
      text += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
  } catch (error) {
    if (!["EAGAIN", "NoFFI"].includes(codeOf(error) ?? "")) throw error;
    text += decoder.decode(await Bun.stdin.bytes(), { stream: true });
  }
  return text + decoder.decode();
}
