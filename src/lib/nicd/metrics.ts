import type { Registry } from "prom-client";
import type { IPPool, NetworkRoutesStatus } from "../api/kinds.ts";
import { parsePrefix } from "../ip.ts";
import type { Store } from "../kube/kube.ts";
import type { Verb } from "../node/contract.ts";
import type { Attachments } from "./attachments.ts";

/** What the node's metrics are read from, at each scrape. */
export interface MetricsSources {
  readonly attachments: Pick<Attachments, "list" | "addressing">;
  /** This node's pools. */
  readonly pools: Pick<Store<IPPool>, "list">;
  /** Route state by network, as reported in the HostInterface. */
  readonly networks: () => readonly NetworkRoutesStatus[];
  /** Whether the CNI programs are in place; undefined where nicd does not install them. */
  readonly installed: () => boolean | undefined;
}

/** Told of each request of a CNI program: how long it took, and the fault code of a refusal. */
export type ObserveRequest = (verb: Verb, seconds: number, code: number | undefined) => void;

/** Registers the node's metrics (docs/metrics.md); returns what requests are to be told to. */
export async function registerNodeMetrics(
  registry: Registry,
  from: MetricsSources,
): Promise<ObserveRequest> {
  const { Gauge, Histogram } = await import("prom-client");
  const registers = [registry];
  new Gauge({
    name: "multinic_attachments",
    help: "Attachments of pods on this node that hold NICs and addresses.",
    labelNames: ["network"],
    registers,
    collect() {
      this.reset();
      for (const { network } of from.attachments.list()) this.inc({ network });
    },
  });
  const pool = { labelNames: ["network", "interface", "pod_cidr"] as const, registers };
  new Gauge({
    ...pool,
    name: "multinic_pool_addresses_used",
    help: "Addresses of this node's pools that pods hold.",
    collect() {
      this.reset();
      for (const one of poolsOf(from)) this.set(one.labels, one.used);
    },
  });
  new Gauge({
    ...pool,
    name: "multinic_pool_addresses_usable",
    help: "Addresses of this node's pools that can be given to pods, used ones included.",
    collect() {
      this.reset();
      for (const one of poolsOf(from)) this.set(one.labels, one.usable);
    },
  });
  for (const [what, help] of [
    ["wanted", "Routes that networks want on this node."],
    ["applied", "Wanted routes that were read back from the kernel."],
  ] as const) {
    new Gauge({
      name: `multinic_routes_${what}`,
      help,
      labelNames: ["network"],
      registers,
      collect() {
        this.reset();
        for (const network of from.networks()) this.set({ network: network.name }, network[what]);
      },
    });
  }
  new Gauge({
    name: "multinic_cni_installed",
    help: "1 when this version's CNI programs are in the host's CNI folder, else 0; absent where nicd does not install them.",
    registers,
    collect() {
      const installed = from.installed();
      this.reset();
      if (installed === undefined) this.remove();
      else this.set(installed ? 1 : 0);
    },
  });
  const requests = new Histogram({
    name: "multinic_request_duration_seconds",
    help: "Time nicd took for requests of CNI programs, by verb and code: ok, or the fault code of a refusal.",
    labelNames: ["verb", "code"],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers,
  });
  return (verb, seconds, code) =>
    requests.observe({ verb, code: code === undefined ? "ok" : String(code) }, seconds);
}

function poolsOf(from: MetricsSources) {
  // A pool without a range has no addresses to count: attaching to it says what is wrong.
  const pools = from.pools.list().filter(({ spec }) => parsePrefix(spec.podCIDR) !== undefined);
  return pools.map(({ metadata, spec }) => {
    const { used, usable } = from.attachments.addressing.pool({ ...spec, name: metadata.name });
    const labels = {
      network: spec.netAttachDef,
      interface: spec.interfaceName,
      pod_cidr: spec.podCIDR,
    };
    return { labels, used, usable };
  });
}
