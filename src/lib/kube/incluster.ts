import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../errors.ts";
import { type Environment, environment } from "../settings.ts";
import type { Origins, Route, Wanted } from "./access.ts";

/** Where the kubelet puts a pod's service account. */
const folder = "var/run/secrets/kubernetes.io/serviceaccount";

/** A pod's own way to the API server (Kubernetes documentation, "Accessing the API from within a Pod"). */
export interface InCluster {
  readonly route: Route;
  readonly origins: Origins;
  /** Reads token and CA anew: the kubelet replaces both. When the token expires is not told. */
  apply(wanted: Wanted): undefined;
}

/** Tells whether there is a service account and no kubeconfig in the places that come before it. */
export function isInCluster(root = "/", env: Environment = environment()): boolean {
  const home = env["HOME"] ?? "";
  if (env["KUBECONFIG"]) return false;
  if (home !== "" && existsSync(join(home, ".kube/config"))) return false;
  return existsSync(join(root, folder, "token"));
}

/**
 * Reads the service account under `root` and the address that every pod's environment holds; code `NoCredentials` when
 * the address is not there. Without client-node, which stays in a daemon's memory: 5 MB.
 */
export function inCluster(root = "/", env: Environment = environment()): InCluster {
  const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = env["KUBERNETES_SERVICE_PORT"] ?? "";
  if (host === "" || port === "") {
    throw new Failure(
      "Cannot use the pod's service account: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set",
      { code: "NoCredentials" },
    );
  }
  const read = (name: string) => readFileSync(join(root, folder, name), "utf8");
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const namespace = existsSync(join(root, folder, "namespace")) ? read("namespace") : undefined;
  return {
    // A pod reaches its own API server directly, whatever HTTPS_PROXY says.
    route: { server, namespace, proxy: false },
    origins: originsOf(join(root, folder)),
    apply(wanted) {
      wanted.ca = read("ca.crt");
      wanted.headers["Authorization"] = `Bearer ${read("token").trim()}`;
      return undefined;
    },
  };
}

function originsOf(at: string): Origins {
  const user = `the pod's service account in ${at}`;
  return {
    ca: `${at}/ca.crt`,
    server: "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT",
    user,
    cert: user,
    key: user,
    token: `${at}/token`,
  };
}
