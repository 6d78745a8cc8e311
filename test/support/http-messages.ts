/** One request as it came over a connection. */
export interface RawRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: Buffer<ArrayBuffer> | undefined;
}

/**
 * Takes the first whole HTTP/1.1 request out of what has arrived; undefined while it is not whole. Bodies have a
 * Content-Length: that is how Bun's fetch sends them.
 */
export function takeRequest(
  bytes: Buffer<ArrayBuffer>,
): { readonly request: RawRequest; readonly rest: Buffer<ArrayBuffer> } | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const length = Number(headers.get("content-length") ?? 0);
  const from = end + 4;
  if (bytes.length < from + length) return undefined;
  const body = length > 0 ? Buffer.from(bytes.subarray(from, from + length)) : undefined;
  return {
    request: { method, target, headers, body },
    rest: Buffer.from(bytes.subarray(from + length)),
  };
}

/** Writes the head of an answer whose body has a known length, or comes in chunks. */
export function headOf(
  status: number,
  headers: Readonly<Record<string, string>>,
  length?: number,
): string {
  const body = length === undefined ? "transfer-encoding: chunked" : `content-length: ${length}`;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} X\r\n${lines.join("")}${body}\r\n\r\n`;
}

/** Writes one chunk (RFC 9112, 7.1). */
export function chunk(bytes: Uint8Array): Buffer {
  const size = Buffer.from(`${bytes.length.toString(16)}\r\n`);
  return Buffer.concat([size, bytes, Buffer.from("\r\n")]);
}
