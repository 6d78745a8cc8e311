import { Failure } from "../errors.ts";
import { headersOf, type Origins, type Route, tlsOf, type Wanted } from "./access.ts";
import { type Blame, blame, type Shown } from "./blame.ts";
import { inCluster, isInCluster } from "./incluster.ts";
import { fromKubeconfig } from "./kubeconfig.ts";

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
  /** Says which credential made a connection fail with that code, or the server answer 401 (`Unauthorized`), if one did. */
  blame?(code: string): Promise<Blame | undefined>;
}

/** Files rotate under us (kubelet: at 80 % of a token's life); client-go looks again as often. */
const maxAgeMs = 60_000;

/**
 * Loads credentials: in a pod its service account, else by client-node's KubeConfig (token, client certificate) and
 * exec plugins. The server's certificate is always checked against the CA given there, whatever
 * NODE_TLS_REJECT_UNAUTHORIZED says. Fails with code `NoCredentials`.
 */
export async function loadCredentials(
  options: CredentialOptions = {},
  now: () => number = () => performance.now(),
): Promise<Credentials> {
  const source = await sourceOf(options);
  let loaded = source.load();
  let fresh = true;
  let kept: { access: Access; shape: string; until: number } | undefined;
  let shown: Shown | undefined;
  let pending: Promise<Access> | undefined;

  const read = async (): Promise<Access> => {
    if (!fresh) loaded = source.load();
    fresh = false;
    const wanted: Wanted = { headers: {} };
    let expires: number | undefined;
    try {
      expires = await loaded.apply(wanted);
    } catch (error) {
      throw new Failure(`Cannot get credentials for ${loaded.route.server}`, {
        code: "NoCredentials",
        cause: error,
      });
    }
    const tls = tlsOf(wanted);
    const headers = headersOf(wanted);
    const { route, origins } = loaded;
    const text = (value: unknown) => (typeof value === "string" ? value : undefined);
    const [ca, cert, key] = [text(tls.ca), text(tls.cert), text(tls.key)];
    if ((cert === undefined) !== (key === undefined)) {
      const [has, lacks] = cert ? [origins.cert, "key"] : [origins.key, "certificate"];
      throw new Failure(`Cannot use ${has}: it has no client ${lacks} beside it`, {
        code: "NoCredentials",
      });
    }
    const authorization = headers["Authorization"];
    shown = { server: route.server, origins, ca, cert, key, authorization };
    const init = { tls, proxy: route.proxy };
    const shape = JSON.stringify(init);
    const session = kept?.shape === shape ? kept.access.session : new Bun.FetchSession(init);
    const access = { headers, session };
    // A token that runs out sooner is asked for again then.
    const age = Math.min(maxAgeMs, (expires ?? Infinity) - Date.now());
    kept = { access, shape, until: now() + age };
    return access;
  };
  return {
    server: loaded.route.server,
    namespace: loaded.route.namespace,
    async access() {
      if (kept && now() < kept.until) return kept.access;
      pending ??= read().finally(() => {
        pending = undefined;
      });
      return pending;
    },
    refresh() {
      source.forget();
      if (kept) kept.until = Number.NEGATIVE_INFINITY;
    },
    async blame(code) {
      return shown && blame(code, shown, Date.now());
    },
  };
}

/** What credentials come from, as it was when it was loaded. */
interface Source {
  readonly route: Route;
  readonly origins: Origins;
  /** Returns when what it filled in expires, if that is known (ms since 1970). */
  apply(wanted: Wanted): undefined | Promise<number | undefined>;
}

async function sourceOf(options: CredentialOptions): Promise<{ load(): Source; forget(): void }> {
  const { kubeconfig, context, serviceAccountRoot: root } = options;
  const given = kubeconfig !== undefined || context !== undefined;
  if (root !== undefined || (!given && isInCluster())) {
    return { load: () => inCluster(root), forget: () => {} };
  }
  return fromKubeconfig(kubeconfig, context);
}
