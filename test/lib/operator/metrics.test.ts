import { expect, test } from "bun:test";
import type { MultiNicNetwork } from "../../../src/lib/api/kinds.ts";
import { systemClock } from "../../../src/lib/kube/clock.ts";
import { serveHealth } from "../../../src/lib/kube/health.ts";
import { keepHeapSmall } from "../../../src/lib/kube/heap.ts";
import { registerNodeMetrics } from "../../../src/lib/nicd/metrics.ts";
import {
  type MetricsSources,
  type OperatorMetrics,
  registerOperatorMetrics,
} from "../../../src/lib/operator/metrics.ts";
import { testNode } from "../../support/attachments.ts";
import { network } from "../../support/objects.ts";

/** One network with a status and one without, and two hosts. */
function sources(status: Partial<NonNullable<MultiNicNetwork["status"]>>): MetricsSources {
  const told = {
    computeResults: [],
    discovery: { existDaemon: 0, infoAvailable: 0, cidrProcessed: 0 },
    configStatus: "" as const,
    routeStatus: "" as const,
    message: "",
    lastSyncTime: null,
    ...status,
  };
  return {
    networks: { list: () => [{ ...network(), status: told }, network({}, "new")] },
    hostInterfaces: { list: () => ["host1", "host2"] },
  };
}

test("registerOperatorMetrics counts networks by status, hosts, and says who leads", async () => {
  const health = await serveHealth({ port: 0, hostname: "127.0.0.1", ready: {} });
  try {
    const seen = sources({ configStatus: "Success", routeStatus: "Failed" });
    const metrics: OperatorMetrics = await registerOperatorMetrics(health.registry, seen);
    metrics.leads(true);
    const scrape = await (await fetch(`http://127.0.0.1:${health.port}/metrics`)).text();
    for (const line of [
      'multinic_networks{config="Success",routes="Failed"} 1',
      'multinic_networks{config="",routes=""} 1',
      "multinic_hosts 2",
      "multinic_leader 1",
    ]) {
      expect(scrape.split("\n")).toContain(line);
    }
  } finally {
    await health.stop();
  }
});

test("docs/metrics.md names every metric with its type and labels, and no other", async () => {
  using node = testNode();
  const health = await serveHealth({ port: 0, hostname: "127.0.0.1", ready: {} });
  try {
    await registerOperatorMetrics(health.registry, sources({}));
    await registerNodeMetrics(health.registry, {
      attachments: node.attachments,
      pools: { list: () => [] },
      networks: () => [],
      installed: () => undefined,
    });
    await keepHeapSmall(systemClock, AbortSignal.abort(), health.registry);
    const known = (await health.registry.getMetricsAsJSON()).map((m) => `${m.name} ${m.type}`);
    const text = await Bun.file(`${import.meta.dir}/../../../docs/metrics.md`).text();
    const told = [...text.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    expect(told.sort()).toEqual(known.sort());
  } finally {
    await health.stop();
  }
});
