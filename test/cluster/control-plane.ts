import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "../contract/api-client.ts";
import { type Credentials, createCredentials } from "./credentials.ts";
import { type Daemon, startDaemon, waitFor } from "./daemon.ts";
import { kubernetesTools } from "./kubernetes-tools.ts";

/** A running etcd, kube-apiserver and kube-controller-manager on loopback, for one test run. */
export interface ControlPlane {
  readonly url: string;
  /** A kubeconfig (JSON) of a cluster administrator, with everything inside. */
  readonly kubeconfig: string;
  /** The same as a file. */
  readonly kubeconfigPath: string;
  /** Certificates and keys, in the control plane's folder. */
  readonly credentials: Credentials;
  /** Ends the API server as a crash would; the others stay. */
  killApiServer(): Promise<void>;
  /** Starts it again on the same port, and waits until it is ready. */
  startApiServer(): Promise<void>;
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  /** Writes a line for each write to `<folder>/audit.log`. */
  readonly audit?: boolean;
}

/** Starts a control plane in a folder of its own; builds the commands when they are not cached. */
export async function startControlPlane({
  audit,
}: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const bin = await kubernetesTools(["kube-apiserver", "kube-controller-manager"]);
  const folder = mkdtempSync(join(tmpdir(), "multinic-control-plane-"));
  const running: Daemon[] = [];
  const stop = async () => {
    // Their data goes with the folder; a kube-apiserver that is asked to end waits a minute for its clients.
    for (const daemon of running.toReversed()) await daemon.stop("SIGKILL");
    rmSync(folder, { recursive: true });
  };
  const [client = 0, peer = 0, secure = 0, manager = 0] = freePorts(4);
  const start = (name: string, command: string[]) => {
    const daemon = startDaemon(folder, name, command);
    running.push(daemon);
    return daemon;
  };
  try {
    const credentials = await createCredentials(folder, ["127.0.0.1", "10.96.0.1"]);
    const url = `https://127.0.0.1:${secure}`;
    const kubeconfig = credentials.kubeconfig(url, credentials.admin);
    const kubeconfigPath = join(folder, "kubeconfig");
    writeFileSync(kubeconfigPath, kubeconfig, { mode: 0o600 });
    start("etcd", ["etcd", ...etcdFlags(folder, { client, peer })]);
    const server = [
      ...serverFlags(folder, client),
      ...loopbackFlags(secure),
      ...(audit ? auditFlags(folder) : []),
    ];
    const api = connect(kubeconfig);
    let apiServer: Daemon | undefined;
    const startApiServer = async () => {
      apiServer = start("kube-apiserver", [join(bin, "kube-apiserver"), ...server]);
      await waitFor("API server", async () => (await api.call("GET", "/readyz")).body === "ok", {
        daemons: running,
      });
    };
    const killApiServer = async () => {
      if (!apiServer) return;
      running.splice(running.indexOf(apiServer), 1);
      await apiServer.stop("SIGKILL");
    };
    await startApiServer();
    const names = ["garbage-collector", "namespace", "validatingadmissionpolicy-status"];
    const controllers = `--controllers=${names.map((name) => `${name}-controller`).join()}`;
    const managing = [...managerFlags(kubeconfigPath, manager), controllers];
    start("kube-controller-manager", [join(bin, "kube-controller-manager"), ...managing]);
    return {
      url,
      kubeconfig,
      kubeconfigPath,
      credentials,
      killApiServer,
      startApiServer,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Returns ports of loopback that nobody listens on now. */
export function freePorts(count: number): number[] {
  const held = Array.from({ length: count }, () =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } }),
  );
  const ports = held.map((listener) => listener.port);
  for (const listener of held) listener.stop(true);
  return ports;
}

/** Returns etcd's flags; its data are in `<folder>/etcd`. */
export function etcdFlags(
  folder: string,
  ports: { readonly client: number; readonly peer: number },
): string[] {
  const data = join(folder, "etcd");
  mkdirSync(data, { mode: 0o700, recursive: true });
  const [at, peers] = [`http://127.0.0.1:${ports.client}`, `http://127.0.0.1:${ports.peer}`];
  return [
    `--data-dir=${data}`,
    `--listen-client-urls=${at}`,
    `--advertise-client-urls=${at}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
  ];
}

/** Returns the API server's flags that hold wherever it listens; `folder` is that of its credentials. */
export function serverFlags(folder: string, etcd: number): string[] {
  const file = (name: string) => join(folder, name);
  return [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    "--service-cluster-ip-range=10.96.0.0/24",
    "--authorization-mode=Node,RBAC",
    "--allow-privileged=true",
    `--client-ca-file=${file("ca.crt")}`,
    `--tls-cert-file=${file("serving.crt")}`,
    `--tls-private-key-file=${file("serving.key")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-signing-key-file=${file("sa.key")}`,
    `--service-account-key-file=${file("sa.pub")}`,
    "--endpoint-reconciler-type=none",
  ];
}

/** Every write, when its answer is known. */
function auditFlags(folder: string): string[] {
  const verbs = ["create", "update", "patch", "delete"];
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived", "ResponseStarted"],
    rules: [{ level: "Metadata", verbs }, { level: "None" }],
  };
  const path = join(folder, "audit-policy.json");
  writeFileSync(path, JSON.stringify(policy));
  return [`--audit-policy-file=${path}`, `--audit-log-path=${join(folder, "audit.log")}`];
}

function loopbackFlags(port: number): string[] {
  return [
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${port}`,
    // Nobody makes the default service accounts that this plugin wants before it admits a pod.
    "--disable-admission-plugins=ServiceAccount",
  ];
}

/** Returns the flags of kube-controller-manager and of kube-scheduler alike. */
export function managerFlags(kubeconfig: string, port: number): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    "--leader-elect=false",
  ];
}
