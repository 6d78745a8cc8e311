import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { Failure } from "../errors.ts";

/** Where the server is, and how connections to it are made. */
export interface Route {
  /** `https://host:port[/path]`, no slash at the end. */
  readonly server: string;
  readonly namespace: string | undefined;
  readonly proxy: Bun.FetchProxyOption | undefined;
}

/** Where each credential stands, for messages: `client-key /path of user "x" in kubeconfig /path`. */
export interface Origins {
  readonly ca: string;
  readonly server: string;
  readonly user: string;
  readonly cert: string;
  readonly key: string;
  readonly token: string;
}

/** What the KubeConfig fills in for a request. */
export type Wanted = RequestOptions & { headers: Record<string, string> };

/** Reads the server from a KubeConfig; a `Failure` (code `NoCredentials`) says what is missing or refused. */
export function routeOf(config: KubeConfig, from: string): Route {
  const refuse = (why: string) =>
    new Failure(`Cannot use kubeconfig ${from}: ${why}`, { code: "NoCredentials" });
  const context = config.getContextObject(config.getCurrentContext());
  const cluster = config.getCurrentCluster();
  if (cluster === null || context === null) {
    const known = config.getContexts().map((c) => c.name);
    throw refuse(
      `context "${config.getCurrentContext() ?? ""}" or its cluster is not in it; contexts: ${known.join(", ") || "none"}`,
    );
  }
  if (config.getCurrentUser() === null) {
    throw refuse(`user "${context.user}" of context "${context.name}" is not in it`);
  }
  // What client-node makes up when it finds nothing.
  if (cluster.server === "http://localhost:8080") {
    throw refuse("there is none: set KUBECONFIG, write ~/.kube/config, or run in a pod");
  }
  if (cluster.skipTLSVerify) {
    throw refuse(
      `cluster "${cluster.name}" sets insecure-skip-tls-verify; give certificate-authority instead`,
    );
  }
  const url = URL.parse(cluster.server);
  if (url?.protocol !== "https:") {
    throw refuse(`server "${cluster.server}" of cluster "${cluster.name}" is not an https:// URL`);
  }
  const server = `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  const { proxyUrl } = cluster;
  if (proxyUrl !== undefined && !/^https?:\/\//.test(proxyUrl)) {
    throw refuse(`proxy-url "${proxyUrl}": only http:// and https:// proxies are supported`);
  }
  const namespace = context.namespace;
  return { server, namespace, proxy: proxyOf(url.hostname, proxyUrl, cluster.name) };
}

/**
 * Chooses the proxy. An explicit `proxy-url` wins. A pod reaches its own API server and everyone reaches loopback
 * directly, whatever HTTPS_PROXY says; else the environment rules (undefined), NO_PROXY included.
 */
function proxyOf(
  host: string,
  proxyUrl: string | undefined,
  cluster: string,
): Bun.FetchProxyOption | undefined {
  if (proxyUrl) return { url: proxyUrl, respectNoProxy: false };
  if (cluster === "inCluster" || isLoopback(host)) return false;
  return undefined;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\./.test(host);
}

/** Takes CA, client certificate and server name; checking is on, whatever the environment says. */
export function tlsOf(wanted: Wanted): BunFetchRequestInitTLS {
  const text = (value: unknown): string | undefined =>
    value === undefined || value === null ? undefined : String(value);
  const ca = text(wanted.ca);
  const cert = text(wanted.cert);
  const key = text(wanted.key);
  return {
    rejectUnauthorized: true,
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(wanted.servername ? { serverName: wanted.servername } : {}),
  };
}

/** Takes the headers that say who we are; a token file usually ends in a newline, which no header may hold. */
export function headersOf(wanted: Wanted): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(wanted.headers)) headers[name] = value.trim();
  if (wanted.auth) headers["Authorization"] = `Basic ${btoa(wanted.auth)}`;
  return headers;
}
