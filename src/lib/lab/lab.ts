import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../errors.ts";
import { connectKube } from "../kube/connect.ts";
import type { KindName, Kinds, Kube, Where } from "../kube/kube.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";
import { type Daemons, operatorNamespace, startDaemons } from "./daemons.ts";
import { eventually } from "./eventually.ts";
import { buildFabric } from "./fabric.ts";
import { type RunningHost, startHost } from "./hosts.ts";
import { addPod, type LabPod, type PodWish, removePod } from "./pods.ts";
import { must } from "./process.ts";
import type { LabTopology } from "./topology.ts";

export interface LabOptions {
  readonly topology: LabTopology;
  /** Folder of this lab: kubeconfig, logs, sysfs trees. Who starts the lab makes and removes it. */
  readonly dir: string;
  /** Path of the multinic binary that plays operator, nicd and CNI plugins. */
  readonly program: string;
  readonly path: string;
}

const apiPort = 6443;

/**
 * A whole cluster in namespaces of one machine: hosts, embedded API server, operator and one nicd per host as processes
 * of the real binary. Runs as first process of its own network, mount and PID namespaces, so that it takes everything
 * with it when it ends, however it ends.
 */
export class Lab {
  readonly options: LabOptions;
  readonly kube: Kube;
  readonly hosts: readonly RunningHost[];
  readonly daemons: Daemons;
  readonly pods = new Map<string, LabPod>();
  readonly #api: ApiServer;

  private constructor(
    options: LabOptions,
    parts: { kube: Kube; hosts: readonly RunningHost[]; daemons: Daemons; api: ApiServer },
  ) {
    this.options = options;
    this.kube = parts.kube;
    this.hosts = parts.hosts;
    this.daemons = parts.daemons;
    this.#api = parts.api;
  }

  /** Builds the fabric, starts the API server, the hosts, the operator and the daemons, and waits until all are ready. */
  static async start(options: LabOptions): Promise<Lab> {
    if (process.pid !== 1) {
      throw new Failure("Cannot start the lab", {
        cause: "it must be the first process of namespaces of its own",
      });
    }
    const { topology, dir } = options;
    await must(["mount", "-t", "tmpfs", "tmpfs", "/run"]);
    mkdirSync("/run/netns");
    await buildFabric(topology);
    const api = await startApiServer({ address: topology.gateway, port: apiPort });
    const kubeconfig = join(dir, "kubeconfig");
    writeFileSync(kubeconfig, api.kubeconfig(), { mode: 0o600 });
    const kube = await connectKube({ kubeconfig });
    await seed(kube, topology);
    const hosts = await Promise.all(topology.hosts.map((host) => startHost(host, options)));
    const daemons = await startDaemons({
      kube,
      hosts,
      account: {
        address: topology.gateway,
        port: apiPort,
        caPem: api.caPem,
        token: api.tokenFor(`system:serviceaccount:${operatorNamespace}:multi-nic`),
      },
      program: options.program,
      canReport: () => api.listening,
    });
    return new Lab(options, { kube, hosts, daemons, api });
  }

  host(name: string): RunningHost {
    const found = this.hosts.find((host) => host.host.name === name);
    if (found) return found;
    const names = this.hosts.map((host) => host.host.name).join(", ");
    throw new Failure(`No host ${name} in this lab: it has ${names}`);
  }

  pod(namespace: string, name: string): LabPod {
    const found = this.pods.get(`${namespace}/${name}`);
    if (found) return found;
    throw new Failure(
      `No pod ${namespace}/${name} in this lab: it has ${[...this.pods.keys()].join(", ") || "none"}`,
    );
  }

  async addPod(host: string, wish: PodWish): Promise<LabPod> {
    const pod = await addPod(this.kube, this.host(host), wish);
    this.pods.set(`${pod.namespace}/${pod.name}`, pod);
    return pod;
  }

  /** Returns what DEL answered where it was not success. */
  async removePod(namespace: string, name: string): Promise<string[]> {
    const failures = await removePod(this.kube, this.pod(namespace, name));
    this.pods.delete(`${namespace}/${name}`);
    return failures;
  }

  /** Creates an object, or makes an existing one so. */
  async apply<K extends KindName>(kind: K, object: Kinds[K]): Promise<Kinds[K]> {
    return this.kube.apply(kind, { ...object }, { manager: "multinic-lab" });
  }

  /** Waits until an object looks as wanted; `undefined` is passed on when there is none. */
  async until<K extends KindName>(
    kind: K,
    name: string,
    wanted: (object: Kinds[K] | undefined) => boolean,
    where?: Where,
  ): Promise<Kinds[K] | undefined> {
    return eventually(`${kind} ${name}`, async () => {
      const object = await this.kube.get(kind, name, where);
      return wanted(object)
        ? { value: object }
        : { not: JSON.stringify(object && "status" in object ? object.status : object) };
    });
  }

  /** Takes the API server away, as an outage does; its objects stay. */
  pauseApi(): Promise<void> {
    return this.#api.pause();
  }

  /** Brings the API server back, and tells it what kubelets would: which daemons are ready. */
  async resumeApi(): Promise<void> {
    this.#api.resume();
    await this.daemons.report();
  }

  /** Takes pods down through DEL, then daemons, hosts and API server. */
  async stop(): Promise<void> {
    for (const pod of [...this.pods.values()]) await this.removePod(pod.namespace, pod.name);
    await this.daemons.stop();
    await Promise.all(this.hosts.map((host) => host.stop()));
    await this.#api.stop();
  }
}

/** What a cluster has before multinic comes: node objects, namespaces, the Config. */
async function seed(kube: Kube, topology: LabTopology): Promise<void> {
  for (const host of topology.hosts) {
    await kube.create("Node", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: host.name, labels: { "kubernetes.io/hostname": host.name } },
      status: { addresses: [{ type: "InternalIP", address: host.address }] },
    });
  }
  await kube.create("Namespace", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: operatorNamespace },
  });
}
