import { readFileSync } from "node:fs";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { kubectl } from "../support/kubectl.ts";
import { addressOn, attachedTo, isReady, type SeenPod } from "./pods.ts";
import type { RealCluster } from "./real-cluster.ts";

/** Name of the network that the pods of the scenario hang on. */
export const network = "planes";

/** What a scenario needs of a cluster. */
export type ScenarioCluster = Pick<RealCluster, "api" | "kubeconfigPath" | "nodes">;

/** Pods that talk to each other all the time while something happens around them. */
export interface Conversation {
  /** Ends it; an answer that was missing is an error. */
  end(): Promise<void>;
}

export type Scenario = ReturnType<typeof scenario>;

/** What the steps of the scenario do with a cluster, in their own words. */
export function scenario(
  cluster: ScenarioCluster,
  own: { readonly network: string; readonly namespace: string } = { network, namespace: "default" },
) {
  const { api } = cluster;
  /** How many NICs a pod has on the network. */
  const nicsOf = (one: SeenPod) => attachedTo(one, own.network).map((_, i) => i);

  /** Applies objects as a user does, validated by the server. */
  async function apply(...objects: unknown[]): Promise<void> {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    await must(
      ["apply", "--server-side", "--validate=strict", "--force-conflicts", "-f", "-"],
      list,
    );
  }

  /** Runs kubectl and returns what it printed; a failure is an error. */
  async function must(args: readonly string[], input?: unknown): Promise<string> {
    const said = await kubectl(args, input, cluster.kubeconfigPath);
    if (!said.ok) throw new Error(`kubectl ${args.join(" ")}: ${said.text}`);
    return said.text;
  }

  // biome-ignore lint/suspicious/noExplicitAny: whatever the API server answers
  async function items(path: string): Promise<any[]> {
    const { status, body } = await api.call("GET", path);
    if (status !== 200) throw new Error(`GET ${path}: ${JSON.stringify(body)}`);
    return body.items;
  }

  function pods(label: string): Promise<SeenPod[]> {
    return items(
      `/api/v1/namespaces/${own.namespace}/pods?labelSelector=${encodeURIComponent(label)}`,
    );
  }

  /** Waits until `count` pods are ready with a NIC on each plane, and returns them. */
  function running(label: string, count: number, limitMs = 90_000): Promise<SeenPod[]> {
    return eventually(
      `${count} pods ${label}`,
      async () => {
        const found = await pods(label);
        const ready = found.filter(isReady);
        if (ready.length === count && found.length === count) return { value: ready };
        const states = found.map((p) => `${p.metadata.name} ${p.status.phase}`).join(", ");
        return { not: `${ready.length} of ${found.length} are ready: ${states}` };
      },
      limitMs,
    );
  }

  /**
   * Deletes pods of a StatefulSet and returns those that come under their names. kubectl's own wait is not asked: it may see
   * a new pod of the name for the old one, and then waits for its end.
   */
  async function renewed(label: string, old: readonly SeenPod[]): Promise<SeenPod[]> {
    await must(["-n", own.namespace, "delete", "pod", "-l", label, "--wait=false", "--now"]);
    const uids = new Set(old.map((p) => p.metadata.uid));
    await eventually(
      `the end of the old pods ${label}`,
      async () => {
        const left = (await pods(label)).filter((p) => uids.has(p.metadata.uid));
        return left.length === 0 ? { value: true } : { not: `${left.length} are there` };
      },
      180_000,
    );
    return running(label, old.length, 180_000);
  }

  /** Waits until no pod has the label. */
  function gone(label: string): Promise<true> {
    return eventually(
      `no pod ${label}`,
      async () => {
        const left = await pods(label);
        return left.length === 0 ? { value: true as const } : { not: `${left.length} pods` };
      },
      60_000,
    );
  }

  /** Waits until the pools hold exactly the addresses that these pods have. */
  function mirrored(seen: readonly SeenPod[], limitMs = 60_000): Promise<true> {
    const wanted = seen
      .flatMap((p) => attachedTo(p, own.network).flatMap((nic) => nic.ips))
      .sort()
      .join(" ");
    return eventually(
      "the pools",
      async () => {
        const pools = await items(
          `/apis/multinic.fms.io/v1/ippools?labelSelector=netname%3D${own.network}`,
        );
        const held = pools
          .flatMap((pool) => pool.spec.allocations.map((one: { address: string }) => one.address))
          .sort()
          .join(" ");
        return held === wanted ? { value: true as const } : { not: `${held}; wanted ${wanted}` };
      },
      limitMs,
    );
  }

  /** Sends from one pod to another over every NIC. */
  async function reaches(from: SeenPod, to: SeenPod): Promise<void> {
    for (const plane of nicsOf(from)) {
      const address = addressOn(to, own.network, plane);
      const ping = ["ping", "-c", "2", "-W", "2", "-I", `net1-${plane}`, address];
      await must(["-n", own.namespace, "exec", from.metadata.name, "--", ...ping]);
    }
  }

  let talksBegun = 0;

  /** Lets pods of different nodes talk, five times a second on each plane. */
  async function converse(from: SeenPod, to: SeenPod): Promise<Conversation> {
    const node = cluster.nodes.find(({ name }) => name === from.spec.nodeName);
    if (!node) throw new Error(`${from.metadata.name} is on no node`);
    const talks = await Promise.all(
      nicsOf(from).map((plane) =>
        node.start(`talk-${talksBegun++}`, addressOn(from, own.network, plane), [
          ...["ping", "-i", "0.2", "-I", `net1-${plane}`],
          addressOn(to, own.network, plane),
        ]),
      ),
    );
    return {
      async end() {
        await Promise.all(talks.map((talk) => talk.stop("SIGTERM")));
        for (const talk of talks) judge(readFileSync(talk.log, "utf8"));
      },
    };
  }

  return {
    ...own,
    api,
    apply,
    must,
    items,
    pods,
    running,
    renewed,
    gone,
    mirrored,
    reaches,
    converse,
  };
}

/** Throws unless a ping that was ended got every answer but the last, which may have been on its way (ping(8)). */
function judge(printed: string): void {
  const got = [...printed.matchAll(/icmp_seq=(\d+) ttl/g)].map((found) => Number(found[1]));
  const last = Math.max(0, ...got);
  const missing = Array.from({ length: last }, (_, i) => i + 1).filter((n) => !got.includes(n));
  if (last < 2 || missing.length > 0) {
    const start = printed.slice(0, 300);
    throw new Error(`${last} questions; no answer to ${missing.join(", ") || "any"}: ${start}`);
  }
}
