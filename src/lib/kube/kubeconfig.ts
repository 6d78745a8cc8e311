import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { Failure } from "../errors.ts";
import { environment } from "../settings.ts";
import { type Origins, type Route, routeOf, type Wanted } from "./access.ts";
import { type ExecCredential, type ExecEntry, runExecPlugin } from "./execplugin.ts";

/** What a kubeconfig says now: how the server is reached, and who we are there. */
export interface FromKubeconfig {
  readonly route: Route;
  readonly origins: Origins;
  /** Fills in CA, client certificate and headers; returns when they expire (ms since 1970), if that is known. */
  apply(wanted: Wanted): Promise<number | undefined>;
}

/**
 * Returns a function that reads the kubeconfig anew. What an exec plugin answered is kept between two reads until it expires
 * or `forget` is called. Code `NoCredentials`, naming file and field.
 */
export async function fromKubeconfig(path: string | undefined, context: string | undefined) {
  const { KubeConfig } = await import("@kubernetes/client-node");
  let kept: { entry: string; credential: ExecCredential } | undefined;
  const load = (): FromKubeconfig => {
    const files = filesOf(path);
    const from = files.join(":") || "from its default place";
    const config = new KubeConfig();
    try {
      if (path !== undefined) config.loadFromFile(path);
      else config.loadFromDefault();
      if (context !== undefined) config.setCurrentContext(context);
    } catch (error) {
      throw new Failure(`Cannot load kubeconfig ${from}`, { code: "NoCredentials", cause: error });
    }
    const route = routeOf(config, from);
    const user = userOf(config, files);
    const origins = originsOf(config, { from, tokenFile: user.tokenFile });
    const exec = user.exec;
    return {
      route,
      origins,
      async apply(wanted) {
        await config.applyToHTTPSOptions(wanted);
        if (user.tokenFile !== undefined) {
          const token = readFileSync(user.tokenFile, "utf8").trim();
          wanted.headers["Authorization"] = `Bearer ${token}`;
        }
        if (exec === undefined) return undefined;
        const entry = JSON.stringify(exec);
        const fresh = kept?.entry === entry && (kept.credential.expires ?? Infinity) > Date.now();
        if (!kept || !fresh) {
          const credential = await runExecPlugin(exec, {
            who: origins.user,
            folder: dirname(resolve(user.file ?? ".")),
            cluster: clusterInfo(config),
          });
          kept = { entry, credential };
        }
        const { token, cert, key, expires } = kept.credential;
        if (token !== undefined) wanted.headers["Authorization"] = `Bearer ${token}`;
        if (cert !== undefined) wanted.cert = cert;
        if (key !== undefined) wanted.key = key;
        return expires;
      },
    };
  };
  return {
    load,
    forget: () => {
      kept = undefined;
    },
  };
}

/** The kubeconfig files in the order in which they count. */
function filesOf(path: string | undefined): string[] {
  if (path !== undefined) return [path];
  const given = environment()["KUBECONFIG"];
  if (given) return given.split(":").filter((file) => file !== "");
  return [join(environment()["HOME"] || homedir(), ".kube/config")];
}

interface UserEntry {
  readonly file: string | undefined;
  /** `users[].user.tokenFile`, absolute: client-node knows it under another name only. */
  readonly tokenFile: string | undefined;
  readonly exec: ExecEntry | undefined;
}

/** Takes the exec entry away from client-node, and reads what it does not know of. */
function userOf(config: KubeConfig, files: readonly string[]): UserEntry {
  const user = config.getCurrentUser();
  const exec: ExecEntry | undefined = user?.exec ?? undefined;
  config.users = config.users.map(({ exec: _, ...rest }) => rest);
  for (const file of files) {
    const value = Bun.YAML.parse(readFileSync(file, "utf8")) as {
      users?: { name?: string; user?: { tokenFile?: unknown } }[];
    } | null;
    const found = value?.users?.find((one) => one.name === user?.name);
    if (!found) continue;
    const given = found.user?.tokenFile;
    if (typeof given !== "string" || given === "") return { file, tokenFile: undefined, exec };
    const tokenFile = isAbsolute(given) ? given : join(dirname(file), given);
    return { file, tokenFile, exec };
  }
  return { file: undefined, tokenFile: undefined, exec };
}

function originsOf(
  config: KubeConfig,
  at: { readonly from: string; readonly tokenFile: string | undefined },
): Origins {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  const inFile = `in kubeconfig ${at.from}`;
  const which = (data: unknown, file: string | undefined, field: string) =>
    data ? `${field}-data` : `${field}${file ? ` ${file}` : ""}`;
  const who = `user "${user?.name ?? ""}" ${inFile}`;
  const token = at.tokenFile === undefined ? "token" : `tokenFile ${at.tokenFile}`;
  return {
    ca: `${which(cluster?.caData, cluster?.caFile, "certificate-authority")} of cluster "${cluster?.name ?? ""}" ${inFile}`,
    server: `server of cluster "${cluster?.name ?? ""}" ${inFile}`,
    user: who,
    cert: `${which(user?.certData, user?.certFile, "client-certificate")} of ${who}`,
    key: `${which(user?.keyData, user?.keyFile, "client-key")} of ${who}`,
    token: `${token} of ${who}`,
  };
}

/** `spec.cluster` of KUBERNETES_EXEC_INFO (client.authentication.k8s.io/v1 Cluster). */
function clusterInfo(config: KubeConfig): Record<string, unknown> {
  const cluster = config.getCurrentCluster();
  const ca =
    cluster?.caData ??
    (cluster?.caFile ? readFileSync(cluster.caFile).toString("base64") : undefined);
  return {
    server: cluster?.server,
    "tls-server-name": cluster?.tlsServerName,
    "certificate-authority-data": ca,
    "proxy-url": cluster?.proxyUrl,
    config: null,
  };
}
