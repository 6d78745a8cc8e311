import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import type { Endpoint, Ran, RoutePath, Transport } from "../diag/iperf.ts";
import { codeOf, explain, Failure } from "../errors.ts";
import { type Applied, applyManifests } from "./apply.ts";
import type { Lab } from "./lab.ts";
import type { LabPod } from "./pods.ts";
import { endpointsOf, labTransport } from "./transport.ts";

/** What `multinic lab …` asks of a lab that is up; JSON over a root-only unix socket in the lab's folder. */
export interface LabRequests {
  podAdd: {
    request: {
      host: string;
      namespace: string;
      name: string;
      networks: string;
      limits?: Record<string, number>;
    };
    answer: PodRow;
  };
  /** Applies YAML and waits for its networks. */
  apply: { request: { yaml: string }; answer: Applied[] };
  podDelete: { request: { namespace: string; name: string }; answer: { failures: string[] } };
  pods: { request: Record<string, never>; answer: PodRow[] };
  /** Runs a command to its end, on a host, or in a pod's network namespace when one is named. */
  exec: { request: { host?: string; pod?: string; command: string[] }; answer: Ran };
  /** Where a command runs that the caller starts by itself: on a host, or in a pod when one is named. */
  place: { request: { host?: string; pod?: string }; answer: Place };
  /** One pod per host with the addresses of a network, and every host of the lab. */
  endpoints: { request: { network: string }; answer: { endpoints: Endpoint[]; hosts: string[] } };
  hasRoute: {
    request: { at: Endpoint; path: RoutePath };
    answer: { known: boolean; has: boolean };
  };
  /** Stops, kills or starts a daemon, as a node's crash or an upgrade would; takes the API server away and brings it back. */
  daemon: {
    request: { host: string; act: DaemonAct };
    answer: Record<string, never>;
  };
}
export type DaemonAct = "stop" | "kill" | "start" | "restart-operator" | "stop-api" | "start-api";
export interface Place {
  /** Process that holds the host's namespaces, as the lab's PID namespace numbers it. */
  readonly pid: number;
  /** What goes before the command, inside those namespaces. */
  readonly prefix: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}
export type LabVerb = keyof LabRequests;

export interface PodRow {
  namespace: string;
  name: string;
  host: string;
  netns: string;
  interfaces: { name: string; addresses: string[] }[];
}

/** Returns the path of a lab's control socket. */
export function controlSocket(dir: string): string {
  return join(dir, "control.sock");
}

/** Serves the lab's control socket until `signal` fires. */
export function serveControl(lab: Lab, signal: AbortSignal): void {
  const path = controlSocket(lab.options.dir);
  const server = Bun.serve({
    unix: path,
    async fetch(request, self) {
      // concheck and slow pods take longer than Bun's idle timeout.
      self.timeout(request, 0);
      try {
        const verb = new URL(request.url).pathname.slice(1);
        return Response.json(
          await perform(lab, verb as LabVerb, {
            body: await request.json(),
            signal: request.signal,
          }),
        );
      } catch (error) {
        return Response.json({ error: explain(error), code: codeOf(error) }, { status: 400 });
      }
    },
  });
  chmodSync(path, 0o600);
  signal.addEventListener("abort", () => void server.stop(true), { once: true });
}

/** Asks a lab that is up; fails with code `NoLab` when there is none. */
export async function askLab<V extends LabVerb>(
  dir: string,
  verb: V,
  request: LabRequests[V]["request"],
  signal?: AbortSignal,
): Promise<LabRequests[V]["answer"]> {
  const path = controlSocket(dir);
  if (!existsSync(path)) {
    throw new Failure(`No lab is up in ${dir}: start one with \`multinic lab up\``, {
      code: "NoLab",
    });
  }
  const answer = await fetch(`http://lab/${verb}`, {
    unix: path,
    method: "POST",
    body: JSON.stringify(request),
    timeout: false,
    ...(signal ? { signal } : {}),
  } as RequestInit);
  const body = (await answer.json()) as LabRequests[V]["answer"] & { error?: string };
  if (!answer.ok) throw new Failure(body.error ?? `The lab answered ${answer.status}`);
  return body;
}

async function perform(
  lab: Lab,
  verb: LabVerb,
  { body, signal }: { body: unknown; signal: AbortSignal },
): Promise<unknown> {
  switch (verb) {
    case "podAdd": {
      const { host, ...wish } = body as LabRequests["podAdd"]["request"];
      await lab.addPod(host, wish);
      return row(lab, `${wish.namespace}/${wish.name}`);
    }
    case "apply":
      return applyManifests(lab, (body as LabRequests["apply"]["request"]).yaml);
    case "podDelete": {
      const { namespace, name } = body as LabRequests["podDelete"]["request"];
      return { failures: await lab.removePod(namespace, name) };
    }
    case "pods":
      return [...lab.pods.keys()].map((key) => row(lab, key));
    case "exec": {
      const { command, ...where } = body as LabRequests["exec"]["request"];
      const { host, prefix, environment } = placeOf(lab, where);
      return host.exec([...prefix, ...command], { signal, env: environment });
    }
    case "place": {
      const { host, ...rest } = placeOf(lab, body as LabRequests["place"]["request"]);
      return { pid: host.pid, ...rest };
    }
    case "endpoints":
      return {
        endpoints: endpointsOf(
          lab.pods.values(),
          (body as LabRequests["endpoints"]["request"]).network,
        ),
        hosts: lab.hosts.map((one) => one.host.name),
      };
    case "hasRoute": {
      const { at, path } = body as LabRequests["hasRoute"]["request"];
      const has = await labTransport(lab).hasRoute(at, path);
      return { known: has !== undefined, has: has === true };
    }
    case "daemon":
      await daemon(lab, body as LabRequests["daemon"]["request"]);
      return {};
    default:
      throw new Failure(`The lab knows no verb ${String(verb)}`);
  }
}

function row(lab: Lab, key: string): PodRow | undefined {
  const pod = lab.pods.get(key);
  if (!pod) return undefined;
  const interfaces = pod.attachments.flatMap((attachment) =>
    (attachment.result?.interfaces ?? []).map((link, i) => ({
      name: link.name,
      addresses: (attachment.result?.ips ?? [])
        .filter((ip) => ip.interface === i)
        .map((ip) => ip.address),
    })),
  );
  return {
    namespace: pod.namespace,
    name: pod.name,
    host: pod.host.host.name,
    netns: pod.netns,
    interfaces,
  };
}

/** Finds a pod by `name`, or `namespace/name`. */
function podOf(lab: Lab, text: string): LabPod {
  const [namespace = "default", name = ""] = text.includes("/")
    ? text.split("/")
    : ["default", text];
  return lab.pod(namespace, name);
}

function placeOf(lab: Lab, where: { host?: string; pod?: string }) {
  if (where.pod !== undefined) {
    const { host, netns } = podOf(lab, where.pod);
    const prefix = ["ip", "netns", "exec", netns];
    return { host, prefix, environment: host.environment };
  }
  const host = lab.host(where.host ?? lab.hosts[0]?.host.name ?? "");
  const KUBECONFIG = join(lab.options.dir, "kubeconfig");
  return { host, prefix: [], environment: { ...host.environment, KUBECONFIG } };
}

async function daemon(lab: Lab, request: LabRequests["daemon"]["request"]): Promise<void> {
  const { host, act } = request;
  switch (act) {
    case "start":
      return lab.daemons.startNicd(host);
    case "stop":
      return lab.daemons.stopNicd(host, "SIGTERM");
    case "kill":
      return lab.daemons.stopNicd(host, "SIGKILL");
    case "restart-operator":
      return lab.daemons.restartOperator();
    case "stop-api":
      return lab.pauseApi();
    case "start-api":
      return lab.resumeApi();
  }
}

/** Reaches the pods of a lab that is up, from outside. */
export function controlTransport(dir: string): Transport {
  return {
    exec: (at, command, signal) =>
      askLab(dir, "exec", { pod: at.pod, command: [...command] }, signal),
    async hasRoute(at, path) {
      const { known, has } = await askLab(dir, "hasRoute", { at, path });
      return known ? has : undefined;
    },
  };
}
