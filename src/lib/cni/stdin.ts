import { codeOf, Failure } from "../errors.ts";
import { readFile } from "../linux/libc.ts";

const descriptor = 0;
/** More than any network configuration: the API server stores no definition above 1.5 MiB. */
const maxBytes = 8 * 1024 * 1024;

/**
 * Reads all of stdin. Bun.stdin brings threads and node:fs a millisecond along that one blocking read does not need;
 * Bun.stdin is asked only where FFI is not possible or the caller's pipe does not block.
 */
export async function readStdin(): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(8192);
  let text = "";
  let bytes = 0;
  try {
    for (;;) {
      const length = readFile(descriptor, buffer);
      if (length === 0) break;
      text += decoder.decode(buffer.subarray(0, length), { stream: true });
      bytes = bounded(bytes + length);
    }
  } catch (error) {
    if (!["EAGAIN", "NoFFI"].includes(codeOf(error) ?? "")) throw error;
    for await (const chunk of Bun.stdin.stream()) {
      text += decoder.decode(chunk, { stream: true });
      bytes = bounded(bytes + chunk.length);
    }
  }
  return text + decoder.decode();
}

function bounded(bytes: number): number {
  if (bytes <= maxBytes) return bytes;
  throw new Failure(`it is longer than ${maxBytes} bytes`);
}
