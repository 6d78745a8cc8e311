import { createServer, type TLSSocket } from "node:tls";
import { createTestCa } from "../../src/lib/lab/api-tls.ts";
import { type ApiFault, chooseFault, refusalOf, type Trouble } from "./api-faults.ts";
import { headOf, type RawRequest, takeRequest } from "./http-messages.ts";
import type { Random } from "./random.ts";
import { passWatch, type WatchFault } from "./watch-faults.ts";

export interface FaultProxyOptions {
  /** Address and port to listen on; 0 = any free one. */
  readonly address: string;
  readonly port?: number;
  /** More addresses that clients use. */
  readonly ips?: readonly string[];
  readonly upstream: { readonly url: string; readonly caPem: string };
  /** Sent in place of what clients send, where the upstream knows them by another name. */
  readonly authorization?: string | undefined;
  readonly random: Random;
}

/** An API server that stands before the real one and fails in every way there is. */
export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  readonly caPem: string;
  readonly port: number;
  /** How often each fault has happened; `passed` = requests without one, `lost` = single watch events swallowed. */
  readonly counts: Record<string, number>;
  /** From now on requests fail like this; undefined = none does. Watches that run are cut. */
  setTrouble(trouble: Trouble | undefined): void;
  /** Cuts every connection, as a restart does; new ones are refused until `back`. */
  away(): void;
  back(): void;
}

const watchFaults: Partial<Record<ApiFault, WatchFault["kind"]>> = {
  "watch-410": "410",
  "watch-cut": "cut",
  "watch-silent": "silent",
  "watch-lossy": "lossy",
};

/** Starts the proxy; its certificate is signed by a CA of its own. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { upstream, random } = options;
  const ca = await createTestCa();
  const pair = await ca.server({ ip: ["127.0.0.1", options.address, ...(options.ips ?? [])] });
  const sockets = new Set<TLSSocket>();
  const before = new Map<string, string>();
  const counts: Record<string, number> = { passed: 0, lost: 0 };
  const count = (what: string, by = 1) => {
    counts[what] = (counts[what] ?? 0) + by;
  };
  let isAway = false;
  let trouble: Trouble | undefined;

  const ask = async ({ method, target, headers, body }: RawRequest, signal: AbortSignal) => {
    const pass = new Headers(headers);
    for (const own of ["host", "connection", "content-length", "accept-encoding"]) pass.delete(own);
    if (options.authorization) pass.set("authorization", options.authorization);
    return fetch(`${upstream.url}${target}`, {
      method,
      headers: pass,
      body: body ?? null,
      signal,
      tls: { ca: upstream.caPem, rejectUnauthorized: true },
      timeout: false,
      decompress: false,
    } as BunFetchRequestInit);
  };
  /** Answers a request in its fault's way; false = the connection is of no more use. */
  const answer = async (
    socket: TLSSocket,
    request: RawRequest,
    gone: AbortSignal,
  ): Promise<boolean> => {
    const { method, target } = request;
    const isWatch = /[?&]watch=(true|1)/.test(target);
    const fault = trouble && chooseFault({ method, isWatch }, trouble, random);
    count(fault ?? "passed");
    const refuse = (code: number) => {
      const { body } = refusalOf(code);
      const after = code === 429 ? { "retry-after": "1" } : {};
      const head = { "content-type": "application/json", ...after };
      socket.write(headOf(code, head, Buffer.byteLength(body)));
      socket.write(body);
      return true;
    };
    const cut = () => {
      socket.destroy();
      return false;
    };
    if (fault === "reset") return cut();
    if (fault === "hang") {
      await Bun.sleep(random.int(trouble?.hangMs ?? 0));
      return cut();
    }
    if (fault && /^\d+$/.test(fault)) return refuse(Number(fault));
    const response = await ask(request, gone);
    const head = { "content-type": response.headers.get("content-type") ?? "application/json" };
    if (isWatch && response.ok && response.body) {
      socket.write(headOf(200, head));
      const kind = (fault && watchFaults[fault]) ?? "short";
      const { watchMs } = trouble ?? {};
      const how = watchMs ? { kind, random, watchMs, lost: () => count("lost") } : undefined;
      await passWatch(response.body, socket, how);
      return false;
    }
    let body = await response.text();
    if (method === "GET" && response.ok) {
      const old = before.get(target);
      if (fault === "stale" && old !== undefined) body = old;
      // Every so often what is old moves on; it stays older than the present for a good while.
      else if (old === undefined || random.int(5) === 0) before.set(target, body);
    }
    if (fault === "done-500") return refuse(500);
    if (fault === "done-reset") return cut();
    const bytes = Buffer.from(body);
    const retry = response.headers.get("retry-after");
    socket.write(
      headOf(response.status, retry ? { ...head, "retry-after": retry } : head, bytes.length),
    );
    if (fault === "half") {
      socket.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => socket.destroy());
      return false;
    }
    socket.write(bytes);
    return true;
  };
  const serve = (socket: TLSSocket) => {
    let bytes: Buffer<ArrayBuffer> = Buffer.alloc(0);
    let busy = false;
    if (isAway) return void socket.destroy();
    sockets.add(socket);
    const gone = new AbortController();
    socket.on("close", () => {
      sockets.delete(socket);
      gone.abort();
    });
    socket.on("error", () => socket.destroy());
    socket.on("data", async (data: Buffer) => {
      bytes = Buffer.concat([bytes, Buffer.from(data)]);
      if (busy) return;
      busy = true;
      try {
        for (let taken = takeRequest(bytes); taken; taken = takeRequest(bytes)) {
          bytes = taken.rest;
          if (!(await answer(socket, taken.request, gone.signal))) return;
        }
      } catch {
        // The upstream is away, or the client has gone: either way this connection has ended.
        socket.destroy();
      } finally {
        busy = false;
      }
    });
  };
  const server = createServer({ cert: pair.certPem, key: pair.keyPem }, serve);
  await new Promise<void>((resolve) =>
    server.listen(options.port ?? 0, options.address, () => resolve()),
  );
  const at = server.address();
  const port = typeof at === "object" && at !== null ? at.port : 0;
  const cutAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `https://${options.address === "0.0.0.0" ? "127.0.0.1" : options.address}:${port}`,
    caPem: ca.certPem,
    port,
    counts,
    setTrouble(wanted) {
      trouble = wanted;
      cutAll();
    },
    away() {
      isAway = true;
      count("away");
      cutAll();
    },
    back() {
      isAway = false;
    },
    async [Symbol.asyncDispose]() {
      cutAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
