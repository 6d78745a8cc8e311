import { codeOf, Failure } from "../errors.ts";
import {
  AF_UNIX,
  close,
  connect,
  readFile,
  SOCK_STREAM,
  sendSome,
  setReceiveTimeout,
  setSendTimeout,
  socket,
} from "./libc.ts";

/** One POST with a JSON body to a server on a unix socket. */
export interface UnixRequest {
  /** Path of the socket, at most 107 bytes (sockaddr_un). */
  readonly socket: string;
  readonly path: string;
  readonly body: string;
  /** The whole exchange ends after so long. */
  readonly timeoutMs: number;
}

export interface UnixAnswer {
  readonly status: number;
  readonly body: string;
}

/** Longest answer that is read, header included; nicd's longest, to a GC of a thousand attachments, is a few hundred bytes. */
const maxAnswer = 1024 * 1024;
const firstBuffer = 16 * 1024;
const sunPath = 108;

/** A request that is on its way. */
export interface PendingAnswer {
  /** Waits for the answer, blocking, and closes the connection; to be called once. */
  receive(): UnixAnswer;
}

/**
 * Sends a request and waits for the answer, blocking. `fetch` would bring its threads, 2 MB, for one exchange.
 * Codes: those of connect(2), send(2), read(2); ECONNRESET also when the answer ends too early; ETIMEDOUT; NoFFI.
 */
export function unixRequest(request: UnixRequest): UnixAnswer {
  return sendRequest(request).receive();
}

/** Sends a request and leaves the answer for later, so that both sides work at once. Codes as unixRequest. */
export function sendRequest(request: UnixRequest): PendingAnswer {
  const address = addressOf(request.socket);
  const end = performance.now() + request.timeoutMs;
  const left = () => (end - performance.now()) / 1000;
  const fd = socket(AF_UNIX, SOCK_STREAM, 0);
  try {
    setSendTimeout(fd, left());
    connect(fd, address);
    sendAll(fd, messageOf(request), left);
  } catch (error) {
    close(fd);
    throw named(error, request);
  }
  return {
    receive() {
      try {
        return receive(fd, left);
      } catch (error) {
        throw named(error, request);
      } finally {
        close(fd);
      }
    },
  };
}

/** A timeout of the socket is EAGAIN to the kernel. */
function named(error: unknown, { timeoutMs }: UnixRequest): unknown {
  if (codeOf(error) !== "EAGAIN") return error;
  return new Failure(`no answer came within ${timeoutMs} ms`, { code: "ETIMEDOUT" });
}

/** struct sockaddr_un: the family in the machine's byte order (little-endian on both), then the path with its NUL. */
function addressOf(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length >= sunPath) {
    throw new Failure(`the socket path ${path} is longer than ${sunPath - 1} bytes`, {
      code: "ENAMETOOLONG",
    });
  }
  const address = new Uint8Array(2 + bytes.length + 1);
  address[0] = AF_UNIX;
  address.set(bytes, 2);
  return address;
}

function messageOf({ path, body }: UnixRequest): Uint8Array {
  const bytes = new TextEncoder().encode(body);
  const head = new TextEncoder().encode(
    `POST ${path} HTTP/1.1\r\nHost: nicd\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${bytes.length}\r\n\r\n`,
  );
  const message = new Uint8Array(head.length + bytes.length);
  message.set(head);
  message.set(bytes, head.length);
  return message;
}

function sendAll(fd: number, message: Uint8Array, left: () => number): void {
  for (let sent = 0; sent < message.length; ) {
    setSendTimeout(fd, left());
    sent += sendSome(fd, message.subarray(sent));
  }
}

function receive(fd: number, left: () => number): UnixAnswer {
  let buffer = new Uint8Array(firstBuffer);
  let length = 0;
  for (;;) {
    setReceiveTimeout(fd, left());
    const got = readFile(fd, buffer.subarray(length));
    length += got;
    const answer = parseAnswer(buffer.subarray(0, length), got === 0);
    if (answer !== undefined) return answer;
    if (got === 0) throw new Failure("the answer ends too early", { code: "ECONNRESET" });
    if (length < buffer.length) continue;
    if (length >= maxAnswer) throw new Failure(`the answer is longer than ${maxAnswer} bytes`);
    const bigger = new Uint8Array(length * 2);
    bigger.set(buffer);
    buffer = bigger;
  }
}

/**
 * Reads an HTTP/1.1 answer (RFC 9112) from what has come so far: undefined while more of it must come. `ended` = the
 * server has closed, which is where an answer without a length ends. Throws on what is not HTTP.
 */
export function parseAnswer(bytes: Uint8Array, ended: boolean): UnixAnswer | undefined {
  const at = endOfHead(bytes);
  if (at === undefined) return undefined;
  const [first = "", ...lines] = new TextDecoder().decode(bytes.subarray(0, at)).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] ([1-9][0-9]{2})(?: |$)/.exec(first)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) throw new Failure(`the answer is not HTTP: ${first.slice(0, 100)}`);
  const rest = bytes.subarray(at + 4);
  // An interim answer (100 Continue) comes before the real one.
  if (status < 200) return parseAnswer(rest, ended);
  const body = bodyOf(rest, headersOf(lines), ended);
  return body && { status, body: new TextDecoder().decode(body) };
}

function headersOf(lines: readonly string[]): Map<string, string> {
  const pairs = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return new Map(pairs);
}

function bodyOf(
  rest: Uint8Array,
  headers: ReadonlyMap<string, string>,
  ended: boolean,
): Uint8Array | undefined {
  if (headers.get("transfer-encoding")?.toLowerCase() === "chunked") return unchunk(rest);
  const given = headers.get("content-length");
  if (given === undefined) return ended ? rest : undefined;
  if (!/^[0-9]{1,9}$/.test(given)) throw new Failure(`the answer's Content-Length is "${given}"`);
  const length = Number(given);
  return rest.length < length ? undefined : rest.subarray(0, length);
}

/** Joins the chunks; undefined while the last one, of length 0, has not come. */
function unchunk(rest: Uint8Array): Uint8Array | undefined {
  const whole = new Uint8Array(rest.length);
  let length = 0;
  for (let at = 0; ; ) {
    const newline = rest.indexOf(10, at);
    if (newline < 0) return undefined;
    const line = new TextDecoder().decode(rest.subarray(at, newline));
    const size = Number.parseInt(/^([0-9a-f]{1,7})(;.*)?\r$/i.exec(line)?.[1] ?? "", 16);
    if (Number.isNaN(size)) throw new Failure(`the answer has a chunk of length "${line.trim()}"`);
    if (size === 0) return whole.subarray(0, length);
    const end = newline + 1 + size;
    if (rest.length < end + 2) return undefined;
    whole.set(rest.subarray(newline + 1, end), length);
    length += size;
    at = end + 2;
  }
}

/** Where the empty line after the header begins. */
function endOfHead(bytes: Uint8Array): number | undefined {
  const [cr, lf] = [13, 10];
  for (let at = bytes.indexOf(cr); at >= 0; at = bytes.indexOf(cr, at + 1)) {
    if (bytes[at + 1] === lf && bytes[at + 2] === cr && bytes[at + 3] === lf) return at;
  }
  return undefined;
}
