import { Failure } from "../errors.ts";
import { headersOf, type Route, routeOf, tlsOf, type Wanted } from "./access.ts";
import { inCluster, isInCluster } from "./incluster.ts";

export interface CredentialOptions {
  /** Path of a kubeconfig; else KUBECONFIG, ~/.kube/config, the pod's service account, in this order. */
  readonly kubeconfig?: string | undefined;
  /** Context of the kubeconfig; its current one. */
  readonly context?: string | undefined;
  /** Folder under which var/run/secrets/kubernetes.io/serviceaccount is looked for; given, only that is used. */
  readonly serviceAccountRoot?: string | undefined;
}

/** What one request needs to reach the server and be known there. */
export interface Access {
  readonly headers: Readonly<Record<string, string>>;
  /** Holds TLS, proxy and the pool of connections. */
  readonly session: Bun.FetchSession;
}

export interface Credentials {
  /** `https://host:port[/path]`, no slash at the end. */
  readonly server: string;
  /** The context's namespace. */
  readonly namespace: string | undefined;
  /** Returns today's access: token files, certificates and exec plugins are looked at again as they age. */
  access(): Promise<Access>;
  /** Forgets what was read, after the server answered 401. */
  refresh(): void;
}

/** Files rotate under us (kubelet: at 80 % of a token's life); client-go looks again as often. */
const maxAgeMs = 60_000;

/**
 * Loads credentials: in a pod its service account, else by client-node's KubeConfig (token, client certificate, exec plugin).
 * The server's certificate is always checked against the CA given there, whatever NODE_TLS_REJECT_UNAUTHORIZED says.
 * Fails with code `NoCredentials`.
 */
export async function loadCredentials(
  options: CredentialOptions = {},
  now: () => number = () => performance.now(),
): Promise<Credentials> {
  const load = await sourceOf(options);
  let loaded = load();
  let fresh = true;
  let kept: { access: Access; shape: string; at: number } | undefined;
  let pending: Promise<Access> | undefined;

  const read = async (): Promise<Access> => {
    // The KubeConfig keeps an exec plugin's answer until it expires; everything else is cheap to read again.
    if (!fresh && !(kept && loaded.remembers())) loaded = load();
    fresh = false;
    const wanted: Wanted = { headers: {} };
    try {
      await loaded.apply(wanted);
    } catch (error) {
      throw new Failure(`Cannot get credentials for ${loaded.route.server}`, {
        code: "NoCredentials",
        cause: error,
      });
    }
    const init = { tls: tlsOf(wanted), proxy: loaded.route.proxy };
    const shape = JSON.stringify(init);
    const session = kept?.shape === shape ? kept.access.session : new Bun.FetchSession(init);
    const access = { headers: headersOf(wanted), session };
    kept = { access, shape, at: now() };
    return access;
  };
  return {
    server: loaded.route.server,
    namespace: loaded.route.namespace,
    async access() {
      if (kept && now() - kept.at < maxAgeMs) return kept.access;
      pending ??= read().finally(() => {
        pending = undefined;
      });
      return pending;
    },
    refresh() {
      kept = undefined;
    },
  };
}

/** What credentials come from, as it was when it was loaded. */
interface Source {
  readonly route: Route;
  /** Tells whether it keeps an answer that is dear to get again. */
  remembers(): boolean;
  apply(wanted: Wanted): void | Promise<void>;
}

async function sourceOf(options: CredentialOptions): Promise<() => Source> {
  const { kubeconfig, context, serviceAccountRoot: root } = options;
  const given = kubeconfig !== undefined || context !== undefined;
  if (root !== undefined || (!given && isInCluster())) {
    return () => ({ ...inCluster(root), remembers: () => false });
  }
  const { KubeConfig } = await import("@kubernetes/client-node");
  const from = kubeconfig ?? "from its default place";
  return () => {
    const config = new KubeConfig();
    try {
      if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
      else config.loadFromDefault();
      if (context !== undefined) config.setCurrentContext(context);
      return {
        route: routeOf(config, from),
        remembers: () => config.getCurrentUser()?.exec !== undefined,
        apply: (wanted) => config.applyToHTTPSOptions(wanted),
      };
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw new Failure(`Cannot load kubeconfig ${from}`, { code: "NoCredentials", cause: error });
    }
  };
}
