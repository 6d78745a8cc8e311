import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { createTestCa, type TestCa } from "../../src/lib/lab/api-tls.ts";
import { serverTls } from "./certificates.ts";

/** One request as a script sees it. */
export interface ScriptedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: unknown;
  /** How many requests came before this one. */
  readonly index: number;
}

export type Script = (request: ScriptedRequest) => Response | Promise<Response>;

export interface ScriptedApi extends AsyncDisposable {
  readonly server: string;
  readonly port: number;
  readonly authority: TestCa;
  /** A folder of this server's own, removed with it. */
  readonly folder: string;
  readonly requests: ScriptedRequest[];
  script: Script;
  /** Writes a kubeconfig for this server into `folder` and returns its path. */
  kubeconfig(options?: {
    user?: Record<string, unknown>;
    cluster?: Record<string, unknown>;
    ca?: string;
    file?: string;
  }): string;
}

/** Serves TLS on loopback and answers by `script`, which a test may change at any time. */
export async function serveScript(
  script: Script,
  options: { identity?: typeof serverTls; askClient?: boolean } = {},
): Promise<ScriptedApi> {
  const authority = await createTestCa("test CA");
  const identity = await (options.identity ?? serverTls)(authority);
  const folder = mkdtempSync(join(tmpdir(), "multinic-kube-"));
  const requests: ScriptedRequest[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    development: false,
    error: () => new Response(null, { status: 500 }),
    tls: options.askClient
      ? { ...identity, ca: authority.certPem, requestCert: true, rejectUnauthorized: true }
      : { ...identity },
    async fetch(request) {
      const url = new URL(request.url);
      const text = await request.text();
      const seen: ScriptedRequest = {
        method: request.method,
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: text === "" ? undefined : JSON.parse(text),
        index: requests.length,
      };
      requests.push(seen);
      return api.script(seen);
    },
  });
  const port = server.port ?? 0;
  const api: ScriptedApi = {
    server: `https://127.0.0.1:${port}`,
    port,
    authority,
    folder,
    requests,
    script,
    kubeconfig({ user = { token: "secret" }, cluster = {}, ca = authority.certPem, file } = {}) {
      const path = join(folder, file ?? "kubeconfig");
      const data = { server: `https://127.0.0.1:${port}`, ...cluster };
      const authorities = { "certificate-authority-data": btoa(ca) };
      writeFileSync(
        path,
        stringify({
          apiVersion: "v1",
          kind: "Config",
          clusters: [{ name: "test", cluster: { ...authorities, ...data } }],
          users: [{ name: "me", user }],
          contexts: [{ name: "main", context: { cluster: "test", user: "me", namespace: "here" } }],
          "current-context": "main",
        }),
      );
      return path;
    },
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      rmSync(folder, { recursive: true });
    },
  };
  return api;
}

/** Answers with JSON. */
export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(value, { status, headers });
}

/** Answers as the API server refuses: a meta/v1 Status. */
export function status(
  code: number,
  reason: string,
  options: { name?: string; kind?: string; message?: string; retryAfterSeconds?: number } = {},
): Response {
  const { message, ...details } = options;
  return json(statusBody(code, reason, { message: message ?? `it is ${reason}`, details }), code);
}

export function statusBody(
  code: number,
  reason: string,
  more: { message?: string; details?: unknown } = {},
): Record<string, unknown> {
  return { apiVersion: "v1", kind: "Status", status: "Failure", reason, code, ...more };
}

/** Answers with lines as they come; `end` closes the stream well, `break` tears it. */
export function stream(lines: readonly string[], then: "open" | "end" | "break"): Response {
  const encoder = new TextEncoder();
  return new Response(
    new ReadableStream({
      async start(controller) {
        for (const line of lines) controller.enqueue(encoder.encode(line));
        if (then === "end") controller.close();
        if (then === "break") {
          await Bun.sleep(1);
          controller.error(new Error("torn"));
        }
      },
    }),
    { headers: { "content-type": "application/json" } },
  );
}

/** An IPPool as an API server would store it. */
export function pool(name: string, resourceVersion: string, more: { uid?: string } = {}) {
  return {
    apiVersion: "multinic.fms.io/v1" as const,
    kind: "IPPool" as const,
    metadata: { name, uid: more.uid ?? `uid-${name}`, resourceVersion },
    spec: {
      podCIDR: "10.0.0.0/24",
      vlanCIDR: "10.0.0.0/16",
      netAttachDef: "net",
      hostName: "a",
      interfaceName: "eth1",
      excludes: [],
      allocations: [],
    },
  };
}

export function poolList(resourceVersion: string, ...items: ReturnType<typeof pool>[]) {
  const metadata = { resourceVersion };
  return { apiVersion: "multinic.fms.io/v1", kind: "IPPoolList", metadata, items };
}
