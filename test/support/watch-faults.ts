import type { TLSSocket } from "node:tls";
import { refusalOf } from "./api-faults.ts";
import { chunk } from "./http-messages.ts";
import type { Random } from "./random.ts";

export interface WatchFault {
  /** `short`: nothing but its end. */
  readonly kind: "410" | "cut" | "silent" | "lossy" | "short";
  readonly random: Random;
  /** Longest time it lives. */
  readonly watchMs: number;
  /** Told of each event that is swallowed while the stream goes on. */
  readonly lost: () => void;
}

/** Hands a watch's lines on to a client in chunks, with its fault after a few of them; the connection ends with it. */
export async function passWatch(
  stream: ReadableStream<Uint8Array>,
  socket: TLSSocket,
  fault: WatchFault | undefined,
): Promise<void> {
  const encoder = new TextEncoder();
  const say = (line: string) => socket.write(chunk(encoder.encode(`${line}\n`)));
  // White space between documents: the head must not wait for the first event.
  say("");
  let left = !fault || fault.kind === "short" ? Number.POSITIVE_INFINITY : fault.random.int(4);
  const end = () => socket.destroy();
  const timer = fault && setTimeout(end, fault.watchMs / 2 + fault.random.int(fault.watchMs / 2));
  try {
    for await (const line of linesOf(stream)) {
      if (socket.destroyed) return;
      if (fault === undefined || left-- > 0) {
        say(line);
        continue;
      }
      if (fault.kind === "lossy") {
        if (/^\{"type":"(ADDED|MODIFIED|DELETED)"/.test(line) && fault.random.int(2) === 0)
          fault.lost();
        else say(line);
      } else if (fault.kind === "410") {
        say(JSON.stringify({ type: "ERROR", object: JSON.parse(refusalOf(410).body) }));
        return;
      } else if (fault.kind === "cut") {
        const bytes = encoder.encode(`${line}\n`);
        socket.write(chunk(bytes).subarray(0, Math.ceil(bytes.length / 2)), () => socket.destroy());
        return;
      }
      // silent: everything from here on is swallowed until the timer cuts the connection.
    }
    socket.write("0\r\n\r\n");
  } catch {
    // The upstream's stream broke: so does ours.
    socket.destroy();
  } finally {
    clearTimeout(timer);
    socket.end();
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield line;
  }
}
