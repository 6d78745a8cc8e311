import { generateKeyPairSync } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestCa, type KeyPair } from "../../src/lib/lab/api-tls.ts";
import { environment } from "../../src/lib/settings.ts";
import { connect } from "../contract/api-client.ts";
import { kubernetesTools } from "./kubernetes-tools.ts";

/** A running etcd, kube-apiserver and kube-controller-manager on loopback, for one test run. */
export interface ControlPlane {
  readonly url: string;
  /** A kubeconfig (JSON) of a cluster administrator, with everything inside. */
  readonly kubeconfig: string;
  /** The same as a file. */
  readonly kubeconfigPath: string;
  stop(): Promise<void>;
}

/** Starts a control plane in a folder of its own; builds the commands when they are not cached. */
export async function startControlPlane(): Promise<ControlPlane> {
  const bin = await kubernetesTools(["kube-apiserver", "kube-controller-manager"]);
  const folder = mkdtempSync(join(tmpdir(), "multinic-control-plane-"));
  const running: Running[] = [];
  const stop = async () => {
    for (const { child } of running.toReversed()) {
      child.kill("SIGTERM");
      await child.exited;
    }
    rmSync(folder, { recursive: true });
  };
  const [client = 0, peer = 0, secure = 0, manager = 0] = freePorts(4);
  try {
    const kubeconfig = await credentials(folder, secure);
    running.push(start(folder, "etcd", ["etcd", ...etcdFlags(folder, client, peer)]));
    const server = [join(bin, "kube-apiserver"), ...serverFlags(folder, client, secure)];
    running.push(start(folder, "kube-apiserver", server));
    await ready(kubeconfig, running);
    const controllers = [join(bin, "kube-controller-manager"), ...managerFlags(folder, manager)];
    running.push(start(folder, "kube-controller-manager", controllers));
    const url = `https://127.0.0.1:${secure}`;
    return { url, kubeconfig, kubeconfigPath: join(folder, "kubeconfig"), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Running {
  readonly name: string;
  readonly log: string;
  readonly child: Bun.Subprocess;
}

function start(folder: string, name: string, command: string[]): Running {
  const log = join(folder, `${name}.log`);
  const file = openSync(log, "w");
  // Proxies and credentials of the caller's environment are none of the control plane's business.
  const env = { PATH: environment()["PATH"] ?? "/usr/bin:/bin", LANG: "C.UTF-8", HOME: folder };
  const child = Bun.spawn(command, { cwd: folder, env, stdout: file, stderr: file });
  closeSync(file);
  return { name, log, child };
}

/** Returns ports that nobody listens on now. */
function freePorts(count: number): number[] {
  const held = Array.from({ length: count }, () =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } }),
  );
  const ports = held.map((listener) => listener.port);
  for (const listener of held) listener.stop(true);
  return ports;
}

/** Writes certificates, the service accounts' keys and a kubeconfig into the folder. */
async function credentials(folder: string, port: number): Promise<string> {
  const ca = await createTestCa();
  const write = (name: string, text: string) =>
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  const pair = (name: string, keys: KeyPair) => {
    write(`${name}.crt`, keys.certPem);
    write(`${name}.key`, keys.keyPem);
  };
  write("ca.crt", ca.certPem);
  pair(
    "serving",
    await ca.server({ dns: ["kubernetes.default.svc"], ip: ["127.0.0.1", "10.96.0.1"] }),
  );
  const admin = await ca.client("admin", ["system:masters"]);
  const accounts = generateKeyPairSync("ec", { namedCurve: "P-256" });
  write("sa.key", accounts.privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  write("sa.pub", accounts.publicKey.export({ type: "spki", format: "pem" }).toString());
  const cluster = {
    server: `https://127.0.0.1:${port}`,
    "certificate-authority-data": btoa(ca.certPem),
  };
  const user = {
    "client-certificate-data": btoa(admin.certPem),
    "client-key-data": btoa(admin.keyPem),
  };
  const kubeconfig = JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster }],
    users: [{ name: "admin", user }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  });
  write("kubeconfig", kubeconfig);
  return kubeconfig;
}

function etcdFlags(folder: string, client: number, peer: number): string[] {
  const data = join(folder, "etcd");
  mkdirSync(data, { mode: 0o700 });
  const [at, peers] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  return [
    `--data-dir=${data}`,
    `--listen-client-urls=${at}`,
    `--advertise-client-urls=${at}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
  ];
}

function serverFlags(folder: string, etcd: number, port: number): string[] {
  const file = (name: string) => join(folder, name);
  return [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${port}`,
    "--service-cluster-ip-range=10.96.0.0/24",
    "--authorization-mode=Node,RBAC",
    // Nobody makes the default service accounts that this plugin wants before it admits a pod.
    "--disable-admission-plugins=ServiceAccount",
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

function managerFlags(folder: string, port: number): string[] {
  return [
    `--kubeconfig=${join(folder, "kubeconfig")}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    "--leader-elect=false",
    "--controllers=garbage-collector-controller,namespace-controller",
  ];
}

const patienceMs = 60_000;

/** Waits until the API server says that it is ready; a process that ended or the patience's end is an error with its log. */
async function ready(kubeconfig: string, running: readonly Running[]): Promise<void> {
  const api = connect(kubeconfig);
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await api.call("GET", "/readyz").catch(() => undefined);
    if (answer?.body === "ok") return;
    const ended = running.find(({ child }) => child.exitCode !== null);
    if (ended || Date.now() > deadline) {
      const { name, log } = ended ?? running.at(-1) ?? { name: "nothing", log: "" };
      const said = readFileSync(log, "utf8").split("\n").slice(-20).join("\n");
      throw new Error(`The control plane is not ready; ${name} said last:\n${said}`);
    }
    await Bun.sleep(100);
  }
}
