import type { Registry } from "prom-client";
import type { MultiNicNetwork } from "../api/kinds.ts";
import type { Controller } from "../kube/controller.ts";
import type { Store } from "../kube/kube.ts";
import { countReconciles } from "../kube/reconcilemetrics.ts";

/** What the operator's metrics are read from, at each scrape. */
export interface MetricsSources {
  readonly networks: Pick<Store<MultiNicNetwork>, "list">;
  readonly hostInterfaces: { list(): readonly unknown[] };
}

/** What the operator tells its metrics. */
export interface OperatorMetrics {
  /** Has a controller's outcomes counted. */
  readonly count: (controller: Controller) => Controller;
  /** Says whether this operator leads. */
  leads(now: boolean): void;
}

/** Registers the operator's metrics (docs/metrics.md). */
export async function registerOperatorMetrics(
  registry: Registry,
  from: MetricsSources,
): Promise<OperatorMetrics> {
  const { Gauge } = await import("prom-client");
  const registers = [registry];
  const leader = new Gauge({
    name: "multinic_leader",
    help: "1 while this operator leads, else 0.",
    registers,
  });
  new Gauge({
    name: "multinic_networks",
    help: "MultiNicNetworks by configStatus and routeStatus.",
    labelNames: ["config", "routes"],
    registers,
    collect() {
      this.reset();
      for (const { status } of from.networks.list()) {
        this.inc({ config: status?.configStatus ?? "", routes: status?.routeStatus ?? "" });
      }
    },
  });
  new Gauge({
    name: "multinic_hosts",
    help: "HostInterface objects.",
    registers,
    collect() {
      this.set(from.hostInterfaces.list().length);
    },
  });
  return { count: await countReconciles(registry), leads: (now) => leader.set(now ? 1 : 0) };
}
