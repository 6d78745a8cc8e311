import type { Registry } from "prom-client";
import type { Controller } from "../kube/controller.ts";
import { countReconciles } from "../kube/reconcilemetrics.ts";
import type { Stores } from "./stores.ts";

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
  stores: Stores,
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
      for (const { status } of stores.networks.list()) {
        this.inc({ config: status?.configStatus ?? "", routes: status?.routeStatus ?? "" });
      }
    },
  });
  new Gauge({
    name: "multinic_hosts",
    help: "HostInterface objects.",
    registers,
    collect() {
      this.set(stores.hostInterfaces.list().length);
    },
  });
  return { count: await countReconciles(registry), leads: (now) => leader.set(now ? 1 : 0) };
}
