import type { Subprocess } from "bun";
import { Failure } from "../errors.ts";
import type { Kube, PodObject } from "../kube/kube.ts";
import { socketPath } from "../node/paths.ts";
import { eventually } from "./eventually.ts";
import type { RunningHost } from "./hosts.ts";

export interface DaemonsOptions {
  readonly kube: Kube;
  readonly hosts: readonly RunningHost[];
  /** What a pod's service account would give them. */
  readonly account: ServiceAccount;
  readonly program: string;
  /** Tells whether the API server is there, so that a daemon's readiness can be written. */
  readonly canReport: () => boolean;
}

/** How a pod reaches its API server (Kubernetes documentation, "Accessing the API from within a Pod"). */
export interface ServiceAccount {
  readonly address: string;
  readonly port: number;
  readonly caPem: string;
  readonly token: string;
}

/** Puts the service account where the kubelet puts a pod's. */
async function giveAccount(host: RunningHost, account: ServiceAccount): Promise<void> {
  const folder = "/run/secrets/kubernetes.io/serviceaccount";
  const write = async (name: string, text: string) => {
    const script = `umask 077 && mkdir -p ${folder} && cat > ${folder}/${name}`;
    const { code, stderr } = await host.exec(["sh", "-c", script], { stdin: text });
    if (code !== 0)
      throw new Failure(`Cannot write ${name} on ${host.host.name}`, { cause: stderr.trim() });
  };
  await write("ca.crt", account.caPem);
  await write("namespace", operatorNamespace);
  await write("token", account.token);
}

/** The lab's operator and nicds: real processes, started and watched as a kubelet does. */
export interface Daemons {
  /** Stops one host's nicd (`SIGKILL` = as in a crash); its pod turns unready. */
  stopNicd(host: string, signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  startNicd(host: string): Promise<void>;
  restartOperator(): Promise<void>;
  /** Writes every nicd's readiness into its pod, as it is now. */
  report(): Promise<void>;
  stop(): Promise<void>;
}

export const operatorNamespace = "multi-nic-cni-operator";
/** Where nicd serves health and metrics. */
export const healthPort = 11000;
/** The same of the operator, which is on the first host. */
export const operatorHealthPort = 8081;

/** Where a host's nicd serves the CNI programs. */
const nodeSocket = socketPath({ runDir: "/run/multinic" });

/** Starts the operator on the first host and nicd on every host, and waits until each nicd is ready. */
export async function startDaemons(options: DaemonsOptions): Promise<Daemons> {
  const { kube, hosts, account, program, canReport } = options;
  await Promise.all(hosts.map((host) => giveAccount(host, account)));
  const env = {
    KUBERNETES_SERVICE_HOST: account.address,
    KUBERNETES_SERVICE_PORT: String(account.port),
  };
  const nicds = new Map<string, Subprocess>();
  const readiness = new Map<string, "True" | "False">();
  const setReady = async (name: string, ready: "True" | "False") => {
    readiness.set(name, ready);
    if (canReport()) await reportReady(kube, name, ready);
  };
  const startOperator = () => {
    const host = hosts[0];
    return host?.spawn(
      "operator",
      [program, "operator", "--health-port", String(operatorHealthPort)],
      {
        ...env,
        OPERATOR_NAMESPACE: operatorNamespace,
        // nicd runs without a DaemonSet here, but the operator makes one all the same.
        OPERATOR_IMAGE: "lab.invalid/multinic:1",
      },
    );
  };
  let operator = startOperator();

  const startNicd = async (host: RunningHost) => {
    const { name, address } = host.host;
    const command = [program, "nicd", "--node", name, "--health-port", String(healthPort)];
    const child = host.spawn("nicd", command, {
      ...env,
      MULTINIC_SYS_ROOT: host.sysRoot,
      MULTINIC_PROC_ROOT: host.procRoot,
      MULTINIC_IPROUTE2_DIR: "/etc/iproute2",
    });
    nicds.set(name, child);
    const ended = child.exited.then((code) => {
      throw new Failure(`nicd of ${name} ended with ${child.signalCode ?? `exit ${code}`}`);
    });
    const ready = eventually(`nicd of ${name}`, async () => {
      // Without an API server it is never ready for Kubernetes, and serves pods all the same.
      if (!canReport()) {
        const { code } = await host.exec(["test", "-S", nodeSocket]);
        return code === 0 ? { value: true } : { not: "no socket" };
      }
      const answer = await fetch(`http://${address}:${healthPort}/readyz`);
      return answer.ok ? { value: true } : { not: await answer.text() };
    });
    await Promise.race([ready, ended]);
    await setReady(name, "True");
  };
  await Promise.all(
    hosts.map(async (host) => {
      await kube.create("Pod", daemonPod(host.host.name));
      await startNicd(host);
    }),
  );
  const hostOf = (name: string) => {
    const host = hosts.find((one) => one.host.name === name);
    if (!host) throw new Error(`no host ${name}`);
    return host;
  };
  const end = async (child: Subprocess | undefined, signal: "SIGTERM" | "SIGKILL") => {
    child?.kill(signal);
    await child?.exited;
  };
  return {
    async stopNicd(name, signal = "SIGTERM") {
      await end(nicds.get(name), signal);
      await setReady(name, "False");
    },
    startNicd: (name) => startNicd(hostOf(name)),
    async restartOperator() {
      await end(operator, "SIGTERM");
      operator = startOperator();
    },
    async report() {
      for (const [name, ready] of readiness) await reportReady(kube, name, ready);
    },
    async stop() {
      await end(operator, "SIGTERM");
      await Promise.all([...nicds.values()].map((child) => end(child, "SIGTERM")));
    },
  };
}

/** The DaemonSet's pod of one host; in the lab nothing else makes it. */
function daemonPod(node: string): PodObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `multi-nicd-${node}`,
      namespace: operatorNamespace,
      labels: { app: "multi-nicd" },
    },
    spec: {
      nodeName: node,
      hostNetwork: true,
      containers: [{ name: "multi-nicd", image: "lab.invalid/multinic:1" }],
    } as PodObject["spec"] & object,
  };
}

async function reportReady(kube: Kube, node: string, status: "True" | "False"): Promise<void> {
  await kube.patch(
    "Pod",
    `multi-nicd-${node}`,
    { status: { phase: "Running", conditions: [{ type: "Ready", status }] } },
    { namespace: operatorNamespace, subresource: "status" },
  );
}
