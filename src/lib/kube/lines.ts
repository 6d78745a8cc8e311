import { Failure } from "../errors.ts";

/** No object of Kubernetes comes near this; a stream without line ends must not fill the memory. */
const longestLine = 32 * 1024 * 1024;

/**
 * Yields the complete lines of a byte stream, without their ends and without empty ones; `alive` is called for each
 * piece that arrives. What follows the last line end is dropped. The stream is cancelled when the caller stops early.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  alive: () => void,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let pieces: string[] = [];
  let length = 0;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      alive();
      const lines = decoder.decode(read.value, { stream: true }).split("\n");
      const rest = lines.pop() ?? "";
      for (const line of lines) {
        const whole = pieces.join("") + line;
        pieces = [];
        length = 0;
        if (whole.trim() !== "") yield whole;
      }
      pieces.push(rest);
      length += rest.length;
      if (length > longestLine) {
        throw new Failure(`a line of the stream is longer than ${longestLine} characters`, {
          code: "Unavailable",
        });
      }
    }
  } finally {
    // A stream that broke is already closed; there is nothing left to cancel.
    await reader.cancel().catch(() => {});
  }
}
