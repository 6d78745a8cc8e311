import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "../../../src/lib/errors.ts";
import { parseAnswer } from "../../../src/lib/linux/unixrequest.ts";

const lib = join(import.meta.dir, "../../../src/lib");

/** A folder for a socket, removed in the end. */
function place(): { socket: string; [Symbol.dispose](): void } {
  const folder = mkdtempSync(join(tmpdir(), "unixrequest-"));
  return {
    socket: join(folder, "s.sock"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** Runs unixRequest in a process of its own, as it blocks: `<status> <body>`, or `<code>: <message>`. */
async function ask(socket: string, body = "{}", timeoutMs = 20_000): Promise<string> {
  const program = `
    const { unixRequest } = await import(${JSON.stringify(join(lib, "linux/unixrequest.ts"))});
    const { codeOf, explain } = await import(${JSON.stringify(join(lib, "errors.ts"))});
    try {
      const answer = unixRequest(JSON.parse(await Bun.stdin.text()));
      console.log(answer.status + " " + answer.body);
    } catch (error) { console.log(codeOf(error) + ": " + explain(error)); }`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdin: new Blob([JSON.stringify({ socket, path: "/v1/attach", body, timeoutMs })]),
    stdout: "pipe",
  });
  return (await child.stdout.text()).trimEnd();
}

/** A server that answers with these bytes, then closes (or not). */
function raw(socket: string, parts: readonly (string | Uint8Array)[], closes = true) {
  return Bun.listen<{ answered: boolean }>({
    unix: socket,
    socket: {
      open(connection) {
        connection.data = { answered: false };
      },
      async data(connection) {
        if (connection.data.answered) return;
        connection.data.answered = true;
        for (const part of parts) {
          connection.write(part);
          connection.flush();
          await Bun.sleep(1);
        }
        if (closes) connection.end();
      },
    },
  });
}

describe("unixRequest", () => {
  test("posts the body and returns status and body, whichever way the server gives the length", async () => {
    using at = place();
    const server = Bun.serve({
      unix: at.socket,
      async fetch(request) {
        const { pathname } = new URL(request.url);
        const text = `${request.method} ${pathname} ${request.headers.get("content-type")} ${await request.text()}`;
        if (!text.endsWith("in parts")) return new Response(text, { status: 409 });
        return new Response(
          new ReadableStream({
            type: "direct",
            async pull(controller) {
              for (const word of ["one ", "two ", "é".repeat(40_000)]) {
                controller.write(word);
                await controller.flush();
              }
              controller.close();
            },
          }),
        );
      },
    });
    expect(await ask(at.socket, "ä€")).toBe("409 POST /v1/attach application/json ä€");
    expect(await ask(at.socket, "in parts")).toBe(`200 one two ${"é".repeat(40_000)}`);
    const long = "x".repeat(700_000);
    expect(await ask(at.socket, long)).toBe(`409 POST /v1/attach application/json ${long}`);
    await server.stop(true);
  });

  test("puts an answer together that comes in pieces from a server that does not close", async () => {
    using at = place();
    const parts = ["HTTP/1.1 20", "0 OK\r\nContent-Len", "gth: 4\r\n\r", "\nab", "cd"];
    using _ = raw(at.socket, parts, false);
    expect(await ask(at.socket)).toBe("200 abcd");
  });

  test("says which errno a missing socket, one without a listener and a torn answer have", async () => {
    using at = place();
    expect(await ask(at.socket)).toStartWith("ENOENT: Cannot connect a socket");
    await Bun.write(at.socket, "");
    expect(await ask(at.socket)).toStartWith("ECONNREFUSED: Cannot connect a socket");
    rmSync(at.socket);
    const torn = raw(at.socket, ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"]);
    expect(await ask(at.socket)).toBe("ECONNRESET: the answer ends too early");
    torn.stop();
    const silent = raw(at.socket, []);
    expect(await ask(at.socket)).toBe("ECONNRESET: the answer ends too early");
    silent.stop();
  });

  test("gives up when no answer comes in time", async () => {
    using at = place();
    using _ = raw(at.socket, ["HTTP/1.1 200 OK\r\n"], false);
    expect(await ask(at.socket, "{}", 50)).toBe("ETIMEDOUT: no answer came within 50 ms");
  });

  test("refuses an answer without an end, one that is not HTTP, and a path that no socket can have", async () => {
    using at = place();
    const endless = Bun.serve({
      unix: at.socket,
      fetch: () => new Response("x".repeat(2 * 1024 * 1024)),
    });
    expect(await ask(at.socket)).toBe("undefined: the answer is longer than 1048576 bytes");
    await endless.stop(true);
    using _ = raw(at.socket, ["SSH-2.0-x\r\n\r\n"]);
    expect(await ask(at.socket)).toBe("undefined: the answer is not HTTP: SSH-2.0-x");
    expect(await ask(`/tmp/${"long".repeat(30)}`)).toStartWith("ENAMETOOLONG: the socket path");
  });
});

describe("parseAnswer", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const read = (text: string, ended = true) => {
    try {
      const answer = parseAnswer(bytes(text), ended);
      return answer === undefined ? "more" : `${answer.status} ${answer.body}`;
    } catch (error) {
      if (error instanceof Failure) return error.message;
      throw error;
    }
  };
  const cases: [string, string, string][] = [
    ["a length", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi, and more", "200 hi"],
    ["no length: to the end", "HTTP/1.0 502 \r\n\r\nhm", "502 hm"],
    ["no body", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204 "],
    [
      "chunks with extensions and trailers",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
      "200 abc0123456789",
    ],
    [
      "an interim answer first",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
      "200 x",
    ],
    [
      "a bad length",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      'the answer\'s Content-Length is "-1"',
    ],
    [
      "a bad chunk",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      'the answer has a chunk of length "zz"',
    ],
    ["a bad status", "HTTP/1.1 0200 OK\r\n\r\n", "the answer is not HTTP: HTTP/1.1 0200 OK"],
  ];
  for (const [what, text, wanted] of cases) {
    test(`parseAnswer reads ${what}`, () => expect(read(text)).toBe(wanted));
  }

  test("parseAnswer wants more at every byte before the end, with a length and in chunks", () => {
    for (const text of [
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
    ]) {
      for (let cut = 0; cut < text.length; cut++) expect(read(text.slice(0, cut))).toBe("more");
      expect(read(text)).toBe("200 hi");
    }
  });
});
