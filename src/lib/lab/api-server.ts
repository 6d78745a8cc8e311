import { Failure } from "../errors.ts";
import { builtinResources } from "./api-builtins.ts";
import { startCollector } from "./api-collect.ts";
import { followCrds } from "./api-crd.ts";
import { serveDiscovery } from "./api-discovery.ts";
import { labCrds } from "./api-kinds.ts";
import type { ApiObject } from "./api-object.ts";
import { type RequestContext, serveResource } from "./api-request.ts";
import { ApiResources } from "./api-resource.ts";
import { ApiError, statusOf, unauthorized } from "./api-status.ts";
import { ApiStore } from "./api-store.ts";
import { type Target, targetOf } from "./api-target.ts";
import { createTestCa } from "./api-tls.ts";
import { createObject, timeText } from "./api-write.ts";

export interface ApiServerOptions {
  /** Address to listen on; it is also in the certificate. */
  readonly address?: string;
  /** 0 = any free port. */
  readonly port?: number;
  /** More addresses and names that clients use. */
  readonly names?: { readonly dns?: readonly string[]; readonly ip?: readonly string[] };
  /** A SQLite file that keeps the objects; none = memory only. */
  readonly path?: string;
  /** Objects that are there from the start, CRDs first; default: the CRDs of our kinds and of the NAD. */
  readonly objects?: readonly ApiObject[];
  /** Events that watches and paged lists can look back on. */
  readonly historySize?: number;
  readonly bookmarkMs?: number;
  readonly now?: () => number;
}

/** A running embedded API server. */
export interface ApiServer {
  readonly url: string;
  readonly caPem: string;
  readonly adminToken: string;
  /** A kubeconfig (JSON) of the administrator. */
  kubeconfig(): string;
  /** Makes a bearer token for a user; there is no authorization, every user may do everything. */
  tokenFor(user: string): string;
  /** Forgets the history now: every older resourceVersion is answered with 410. */
  compact(): void;
  /** Drops every connection and listens again on the same port with the same objects. */
  restart(): Promise<void>;
  /** Drops every connection and refuses new ones until `resume`; the objects stay. */
  pause(): Promise<void>;
  resume(): void;
  /** False between `pause` and `resume`. */
  readonly listening: boolean;
  stop(): Promise<void>;
}

const systemNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** Starts the embedded API server over TLS; clients need its CA and a bearer token. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const address = options.address ?? "127.0.0.1";
  const ca = await createTestCa();
  const serving = await ca.server({
    dns: ["localhost", "kubernetes.default.svc", ...(options.names?.dns ?? [])],
    ip: [...new Set(["127.0.0.1", address, ...(options.names?.ip ?? [])])],
  });
  const store = new ApiStore({ historySize: options.historySize ?? 10_000, path: options.path });
  const resources = new ApiResources();
  for (const resource of builtinResources()) resources.add(resource);
  const stopFollowing = followCrds(store, resources);
  const tokens = new Map<string, string>();
  const now = options.now ?? Date.now;
  let stopping = new AbortController();
  const context = (): RequestContext => ({
    store,
    resources,
    now,
    bookmarkMs: options.bookmarkMs ?? 60_000,
    stopping: stopping.signal,
  });
  seed(context(), options.objects ?? labCrds());
  const stopCollecting = startCollector(context());
  const listen = (port: number) =>
    Bun.serve({
      hostname: address,
      port,
      idleTimeout: 0,
      tls: { cert: serving.certPem, key: serving.keyPem },
      fetch: (request) => serve(context(), request, tokens),
    });
  let server = listen(options.port ?? 0);
  const { port } = server;
  const host = address === "0.0.0.0" ? "127.0.0.1" : address;
  const url = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const tokenFor = (user: string) => {
    const token = crypto.randomUUID();
    tokens.set(token, user);
    return token;
  };
  const adminToken = tokenFor("admin");
  const pause = async () => {
    stopping.abort();
    await server.stop(true);
  };
  const resume = () => {
    if (!stopping.signal.aborted) return;
    stopping = new AbortController();
    server = listen(port ?? 0);
  };
  return {
    url,
    caPem: ca.certPem,
    adminToken,
    kubeconfig: () => kubeconfigOf({ url, caPem: ca.certPem, token: adminToken }),
    tokenFor,
    compact: () => store.compact(),
    restart: async () => {
      await pause();
      resume();
    },
    pause,
    resume,
    get listening() {
      return !stopping.signal.aborted;
    },
    stop: async () => {
      stopping.abort();
      stopCollecting();
      stopFollowing();
      await server.stop(true);
      store.close();
    },
  };
}

async function serve(
  ctx: RequestContext,
  request: Request,
  tokens: ReadonlyMap<string, string>,
): Promise<Response> {
  try {
    const path = new URL(request.url).pathname;
    if (["/healthz", "/readyz", "/livez"].includes(path)) return new Response("ok");
    const token = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    if (!tokens.has(token)) throw unauthorized();
    return (
      serveDiscovery(ctx.resources, request) ??
      (await serveResource(ctx, request, targetOf(path, ctx.resources)))
    );
  } catch (error) {
    const known =
      error instanceof ApiError
        ? error
        : new ApiError(500, "InternalError", {
            message: `Internal error occurred: ${error instanceof Error ? error.message : error}`,
          });
    return Response.json(statusOf(known), { status: known.code });
  }
}

/** Makes the objects that are there from the start, unless a kept store has them already. */
function seed(ctx: RequestContext, objects: readonly ApiObject[]): void {
  const namespaces = systemNamespaces.map(
    (name): ApiObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }),
  );
  for (const body of [...namespaces, ...objects]) {
    const resource = ctx.resources.ofKind(body.apiVersion, body.kind);
    if (!resource) throw new Failure(`Cannot seed a ${body.kind}: no such kind`);
    const { namespace } = body.metadata;
    const target: Target = { resource, namespace, name: undefined, subresource: undefined };
    const options = {
      dryRun: false,
      fieldValidation: "Strict" as const,
      manager: "multinic-lab",
      time: timeText(ctx.now()),
      warnings: [],
    };
    try {
      createObject(ctx, { target, body }, options);
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    }
  }
}

/** Renders a kubeconfig for a bearer token; JSON is YAML too. */
function kubeconfigOf(at: { url: string; caPem: string; token: string }): string {
  const cluster = { server: at.url, "certificate-authority-data": btoa(at.caPem) };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "lab", cluster }],
    users: [{ name: "admin", user: { token: at.token } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "admin" } }],
    "current-context": "lab",
  });
}
