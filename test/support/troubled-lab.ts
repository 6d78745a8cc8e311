import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askLab, type PodRow } from "../../src/lib/lab/control.ts";
import { startDaemon } from "../cluster/daemon.ts";
import type { Trouble } from "./api-faults.ts";
import { finish, multinic, type TestLab, until } from "./lab.ts";
import type { ProxySeen, ProxySetup } from "./run-fault-proxy.ts";

const gateway = "192.0.2.254";
const apiPort = 6443;
const proxyPort = 6444;
const account = "/run/secrets/kubernetes.io/serviceaccount";

export interface TroubledOptions {
  readonly hosts: readonly string[];
  /** Another API server than the lab's, in the lab's network namespace; its daemons are sent there. */
  readonly kubeconfig?: string;
  readonly seed: number;
}

/** A lab whose operator and nicds reach their API server through a proxy that fails; kubectl and the lab itself do not. */
export interface TroubledLab extends AsyncDisposable {
  readonly lab: TestLab;
  readonly hosts: readonly string[];
  trouble(trouble: Trouble | undefined): Promise<void>;
  /** The API server goes, as in a restart, and comes back. */
  away(): Promise<void>;
  back(): Promise<void>;
  seen(): Promise<ProxySeen>;
  /** kubectl straight to the API server. */
  kubectl(words: readonly string[], input?: unknown): Promise<string>;
  addPod(host: string, name: string, networks: string): Promise<PodRow>;
  /** Returns what DEL said that was no success. */
  removePod(name: string): Promise<string[]>;
  /** Records every change of our routes and rules on a host until it is read by `routeEvents`. */
  recordRoutes(host: string): Promise<void>;
  routeEvents(host: string): Promise<string[]>;
  /** Runs `multinic doctor` on a host. */
  doctor(host: string): Promise<{ readonly code: number; readonly out: string }>;
}

/** Puts a proxy between a lab's daemons and their API server, and restarts them all so that they are behind it. */
export async function troubleLab(lab: TestLab, options: TroubledOptions): Promise<TroubledLab> {
  const { hosts } = options;
  const kubeconfig = options.kubeconfig ?? join(lab.dir, "kubeconfig");
  const folder = join(lab.dir, "proxy");
  mkdirSync(folder);
  const setup: ProxySetup = {
    address: "0.0.0.0",
    port: proxyPort,
    ips: [gateway],
    kubeconfig,
    asItsUser: options.kubeconfig !== undefined,
    control: join(folder, "control.sock"),
    caFile: join(folder, "ca.crt"),
    seed: options.seed,
  };
  const inLab = ["nsenter", "-t", String(firstProcess(lab)), "-n", "--"];
  const script = join(import.meta.dir, "run-fault-proxy.ts");
  const proxy = startDaemon(folder, "proxy", [
    ...inLab,
    process.execPath,
    script,
    JSON.stringify(setup),
  ]);
  await until(
    "the proxy",
    async () => proxy.child.exitCode === null && existsSync(setup.control),
    (is) => is,
  );
  // What the lab itself asks leaves by OUTPUT and is not sent through the proxy.
  const redirect = `-t nat -A PREROUTING -p tcp -d ${gateway} --dport ${apiPort} -j REDIRECT --to-ports ${proxyPort}`;
  await lab.inLab("iptables", ...redirect.split(" "));
  const ca = readFileSync(setup.caFile, "utf8");
  for (const host of hosts) await lab.on(host, `cat > ${account}/ca.crt <<'EOF'\n${ca}EOF\n`);
  for (const host of hosts) await lab.do("lab", "daemon", "kill", "--host", host);
  await lab.do("lab", "daemon", "restart-operator");
  await Promise.all(hosts.map((host) => lab.do("lab", "daemon", "start", "--host", host)));
  const ask = async (verb: string, body: unknown = null) => {
    const init = { unix: setup.control, method: "POST", body: JSON.stringify(body) };
    return (await (await fetch(`http://proxy/${verb}`, init as RequestInit)).json()) as ProxySeen;
  };
  const tell = async (verb: string, body?: unknown) => void (await ask(verb, body));
  const config = JSON.parse(readFileSync(kubeconfig, "utf8"));
  config.clusters[0].cluster = {
    server: `https://${gateway}:${apiPort}`,
    "certificate-authority-data": btoa(ca),
  };
  // For what runs on a host.
  const behind = join(folder, "kubeconfig");
  writeFileSync(behind, JSON.stringify(config), { mode: 0o600 });
  const events = (host: string) => `/run/route-events-${host}`;
  return {
    lab,
    hosts,
    trouble: (trouble) => tell("trouble", trouble),
    away: () => tell("away"),
    back: () => tell("back"),
    seen: () => ask("seen"),
    async kubectl(words, input) {
      const command = [...inLab, "kubectl", "--kubeconfig", kubeconfig, ...words];
      const ended = await finish(command, input === undefined ? undefined : JSON.stringify(input));
      if (ended.code === 0) return ended.out;
      throw new Error(`kubectl ${words.join(" ")}: ${ended.err}`);
    },
    addPod: (host, name, networks) =>
      askLab(lab.dir, "podAdd", { host, namespace: "default", name, networks }),
    removePod: async (name) =>
      (await askLab(lab.dir, "podDelete", { namespace: "default", name })).failures,
    async recordRoutes(host) {
      await lab.on(host, `ip monitor route rule >${events(host)} 2>&1 &`);
    },
    async routeEvents(host) {
      // What comes last shows that everything before it has been written.
      await lab.on(host, "ip route add 203.0.113.7/32 dev lo; ip route del 203.0.113.7/32 dev lo");
      const text = await until(
        "the route events",
        () => lab.on(host, `cat ${events(host)}`),
        (seen) => seen.includes("Deleted 203.0.113.7"),
      );
      return text.split("\n").filter((line) => /proto 77|\b30000:|table 30\d{3}/.test(line));
    },
    async doctor(host) {
      const words = ["--kubeconfig", behind, "--node", host];
      const { code, out, err } = await lab.try(
        ...["lab", "exec", "--host", host, "--", multinic, "doctor", ...words],
      );
      return { code, out: `${out}${err}` };
    },
    async [Symbol.asyncDispose]() {
      await lab[Symbol.asyncDispose]();
      await proxy.stop("SIGKILL");
    },
  };
}

/** Returns the lab's first process, which holds its network namespace, as this machine numbers it. */
export function firstProcess(lab: TestLab): number {
  const holder = readFileSync(join(lab.dir, "pid"), "utf8");
  const children = readFileSync(`/proc/${holder}/task/${holder}/children`, "utf8");
  return Number(children.split(" ")[0]);
}
