import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MultiNicNetwork, NetworkRoutesStatus } from "../../src/lib/api/kinds.ts";
import type { KubeObject } from "../../src/lib/api/meta.ts";
import { connectKube } from "../../src/lib/kube/connect.ts";
import type { KindName, Kinds, Kube, WatchEvent, Where } from "../../src/lib/kube/kube.ts";
import {
  type ApiServer,
  type ApiServerOptions,
  startApiServer,
} from "../../src/lib/lab/api-server.ts";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runOperator } from "../../src/lib/operator/operator.ts";
import { sliceKey } from "../../src/lib/plan/networkstatus.ts";
import { hostInterfaceOf, network } from "./objects.ts";
import { sha256 } from "./plan-world.ts";

export const operatorNamespace = "multi-nic-cni-operator";

/** One write that an operator sent. */
export interface Write {
  readonly verb: "create" | "replace" | "patch" | "apply" | "remove";
  readonly kind: KindName;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** Asked before each write; what it throws is what the operator gets. */
export type Hook = (write: Write) => void;

/** A cluster without kubelets: the embedded API server, operators in this process, and nodes as a test makes them. */
export class OperatorWorld implements AsyncDisposable {
  readonly api: ApiServer;
  readonly kube: Kube;
  readonly writes: Write[] = [];
  /** Faults of the API as operators see it; undefined = none. */
  hook: Hook | undefined;
  /** Single objects that operators read, as `Kind name` once answered, and who is asked before each. */
  readonly reads: string[] = [];
  readHook: ((what: string) => void) | undefined;
  /** Objects that operators' whole lists and watches lack although the server has them, as `Kind name`. */
  readonly hidden = new Set<string>();
  /** Time by the operators' clock; undefined = the real one. */
  wall: number | undefined;
  readonly #folder: string;
  readonly #operators: { stop: AbortController; ended: Promise<void> }[] = [];

  private constructor(parts: { api: ApiServer; kube: Kube; folder: string }) {
    this.api = parts.api;
    this.kube = parts.kube;
    this.#folder = parts.folder;
  }

  static async start(options: ApiServerOptions = {}): Promise<OperatorWorld> {
    const api = await startApiServer(options);
    const folder = mkdtempSync(join(tmpdir(), "multinic-operator-"));
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, api.kubeconfig());
    const kube = await connectKube({ kubeconfig });
    const world = new OperatorWorld({ api, kube, folder });
    await world.namespace(operatorNamespace);
    return world;
  }

  /** Starts an operator, which leads at once or contends for the lease as `elect`; returns the way to stop it. */
  operator(options: { elect?: string } = {}): () => Promise<void> {
    const stop = new AbortController();
    const ended = runOperator(
      {
        kube: this.watched(),
        namespace: operatorNamespace,
        image: "registry.example/multinic:1",
        identity: options.elect ?? "test",
        log: silentLog,
        now: () => this.wall ?? Date.now(),
        sha256,
        elect: options.elect !== undefined,
      },
      stop.signal,
    );
    ended.catch(() => {});
    this.#operators.push({ stop, ended });
    return async () => {
      stop.abort();
      await ended.catch(() => {});
    };
  }

  isHidden(object: KubeObject): boolean {
    return this.hidden.has(`${object.kind} ${object.metadata.name}`);
  }

  async *#visible<T extends KubeObject>(events: AsyncIterable<WatchEvent<T>>) {
    for await (const event of events) {
      if (event.type === "BOOKMARK" || !this.isHidden(event.object)) yield event;
    }
  }

  /** Passes everything on, counts writes, and lets the hook fail them. */
  watched(): Kube {
    const { kube } = this;
    const before = (verb: Write["verb"], kind: KindName, name: string, namespace?: string) => {
      const write = { verb, kind, name, namespace };
      this.hook?.(write);
      this.writes.push(write);
    };
    const read = async <T>(kind: KindName, name: string, ask: () => Promise<T>): Promise<T> => {
      try {
        this.readHook?.(`${kind} ${name}`);
        return await ask();
      } finally {
        this.reads.push(`${kind} ${name}`);
      }
    };
    return {
      get: (kind, name, where) => read(kind, name, () => kube.get(kind, name, where)),
      list: async (kind, selection) => {
        const name = /^metadata\.name=(.*)$/.exec(selection?.fieldSelector ?? "")?.[1];
        if (name !== undefined) return read(kind, name, () => kube.list(kind, selection));
        const found = await kube.list(kind, selection);
        return { ...found, items: found.items.filter((item) => !this.isHidden(item)) };
      },
      watch: (kind, options, signal) => this.#visible(kube.watch(kind, options, signal)),
      async create(kind, object) {
        before("create", kind, object.metadata.name, object.metadata.namespace);
        return kube.create(kind, object);
      },
      async replace(kind, object) {
        before("replace", kind, object.metadata.name, object.metadata.namespace);
        return kube.replace(kind, object);
      },
      async replaceStatus(kind, object) {
        before("replace", kind, object.metadata.name, object.metadata.namespace);
        return kube.replaceStatus(kind, object);
      },
      async patch(kind, name, patch, where) {
        before("patch", kind, name, where?.namespace);
        return kube.patch(kind, name, patch, where);
      },
      async apply(kind, object, options) {
        before("apply", kind, object.metadata.name, object.metadata.namespace);
        return kube.apply(kind, object, options);
      },
      async remove(kind, name, options) {
        before("remove", kind, name, options?.namespace);
        return kube.remove(kind, name, options);
      },
    };
  }

  async namespace(name: string): Promise<void> {
    await this.kube.create("Namespace", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
    });
  }

  /** Makes the worked example's network, changed. */
  async network(name: string, spec: Partial<MultiNicNetwork["spec"]> = {}): Promise<void> {
    const { metadata: _uid, ...rest } = network(spec, name);
    await this.kube.create("MultiNicNetwork", { ...rest, metadata: { name } });
  }

  /** Makes a node with a ready nicd and a HostInterface of `nics` NICs: host3 has 10.0.1.3, 10.0.2.3, … */
  async join(number: number, nics = 2): Promise<string> {
    const name = `host${number}`;
    await this.node(name);
    await this.daemon(name, "True");
    await this.kube.create("HostInterface", hostInterfaceOf(number, nics));
    return name;
  }

  async node(name: string): Promise<void> {
    await this.kube.create("Node", { apiVersion: "v1", kind: "Node", metadata: { name } });
  }

  /** Takes a node away whose kubelet has gone: its nicd is not ready any more. */
  async leave(name: string): Promise<void> {
    await this.daemon(name, "False");
    await this.kube.remove("Node", name);
  }

  /** Makes, or changes, the pod of a node's nicd. */
  async daemon(node: string, ready: "True" | "False"): Promise<void> {
    const name = `multi-nicd-${node}`;
    const where = { namespace: operatorNamespace };
    if (!(await this.kube.get("Pod", name, where))) {
      const containers = [{ name: "nicd", image: "registry.example/multinic:1" }];
      const spec = { nodeName: node, containers } as Kinds["Pod"]["spec"] & object;
      const metadata = { name, ...where, labels: { app: "multi-nicd" } };
      await this.kube.create("Pod", { apiVersion: "v1", kind: "Pod", metadata, spec });
    }
    const status = { phase: "Running", conditions: [{ type: "Ready", status: ready }] };
    await this.kube.patch("Pod", name, { status }, { ...where, subresource: "status" });
  }

  /** Reports, as a node's nicd does, on the slices as they are now. */
  async report(node: string, of: string, change: Partial<NetworkRoutesStatus> = {}): Promise<void> {
    const slices = (await this.kube.list("CIDR")).items.filter((s) => s.spec.config.name === of);
    const rows = slices.flatMap((s) => s.spec.cidr.flatMap((entry) => entry.hosts));
    const report = {
      name: of,
      wanted: 2,
      applied: 2,
      failures: [],
      podCIDRs: rows.filter((row) => row.hostName === node).map((row) => row.podCIDR),
      observed: slices.map(sliceKey),
      ...change,
    };
    await this.reports(node, [report]);
  }

  /** Says as every nicd that a deleted network is closed to new pods, and how many it still has on each host. */
  async closes(of: string, attachments = 0): Promise<void> {
    const status = { leaving: [{ name: of, attachments }] };
    for (const { metadata } of (await this.kube.list("HostInterface")).items) {
      await this.kube.patch("HostInterface", metadata.name, { status }, { subresource: "status" });
    }
  }

  async reports(node: string, networks: NetworkRoutesStatus[]): Promise<void> {
    const status = { networks };
    await this.kube.patch("HostInterface", node, { status }, { subresource: "status" });
  }

  /** Waits until an object looks as wanted and returns it. */
  until<K extends KindName>(
    kind: K,
    name: string,
    wanted: (object: Kinds[K]) => boolean,
    where?: Where,
  ): Promise<Kinds[K]> {
    return eventually(
      `${kind} ${name}`,
      async () => {
        const object = await this.kube.get(kind, name, where);
        return object && wanted(object) ? { value: object } : { not: JSON.stringify(object) };
      },
      20_000,
    );
  }

  /** Waits until an object is gone. */
  async gone(kind: KindName, name: string, where?: Where): Promise<void> {
    await eventually(
      `the end of ${kind} ${name}`,
      async () => {
        const object = await this.kube.get(kind, name, where);
        return object ? { not: JSON.stringify(object) } : { value: true };
      },
      20_000,
    );
  }

  /** Waits until a network's status satisfies `wanted`. */
  status(name: string, wanted: (status: NonNullable<MultiNicNetwork["status"]>) => boolean) {
    return this.until("MultiNicNetwork", name, (n) => n.status !== undefined && wanted(n.status));
  }

  /** Names of the objects of a kind, with their namespace, sorted. */
  async names(kind: KindName): Promise<string[]> {
    return (await this.kube.list(kind)).items
      .map(({ metadata }) =>
        metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name,
      )
      .sort();
  }

  /** Every podCIDR as `host index podCIDR`, sorted. */
  async rows(of: string): Promise<string[]> {
    return (await this.kube.list("CIDR")).items
      .filter((slice) => slice.spec.config.name === of)
      .flatMap((slice) => slice.spec.cidr.flatMap((entry) => entry.hosts))
      .map((row) => `${row.hostName} ${row.hostIndex} ${row.podCIDR}`)
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hook = undefined;
    for (const { stop } of this.#operators) stop.abort();
    await Promise.allSettled(this.#operators.map(({ ended }) => ended));
    await this.api.stop();
    rmSync(this.#folder, { recursive: true });
  }
}
