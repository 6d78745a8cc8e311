import { afterEach, beforeEach, expect, test } from "bun:test";
import { Registry } from "prom-client";
import { registerNodeMetrics } from "../../../src/lib/nicd/metrics.ts";
import { attachRequest, host1Pools, type TestNode, testNode } from "../../support/attachments.ts";

let node: TestNode;
beforeEach(() => {
  node = testNode();
});
afterEach(() => node[Symbol.dispose]());

test("registerNodeMetrics shows attachments, pools, routes and requests as they are at the scrape", async () => {
  const registry = new Registry();
  let installed: boolean | undefined;
  const report = { failures: [], podCIDRs: [], observed: [] };
  const observe = await registerNodeMetrics(registry, {
    attachments: node.attachments,
    pools: { list: () => host1Pools },
    networks: () => [{ name: "net", wanted: 3, applied: 2, ...report }],
    installed: () => installed,
  });
  const lines = async () => (await registry.metrics()).split("\n");
  expect((await lines()).filter((line) => line.startsWith("multinic_attachments"))).toEqual([]);

  node.attachments.attach(attachRequest("a"));
  node.attachments.attach(attachRequest("b"));
  observe("attach", 0.002, undefined);
  observe("attach", 0.7, 102);
  const scrape = await lines();
  const first = 'network="net",interface="eth1",pod_cidr="192.168.0.0/24"';
  for (const line of [
    'multinic_attachments{network="net"} 2',
    `multinic_pool_addresses_used{${first}} 2`,
    `multinic_pool_addresses_usable{${first}} 254`,
    'multinic_routes_wanted{network="net"} 3',
    'multinic_routes_applied{network="net"} 2',
    'multinic_request_duration_seconds_bucket{le="0.0025",verb="attach",code="ok"} 1',
    'multinic_request_duration_seconds_bucket{le="0.5",verb="attach",code="102"} 0',
    'multinic_request_duration_seconds_count{verb="attach",code="102"} 1',
  ]) {
    expect(scrape).toContain(line);
  }
  expect(scrape.filter((line) => line.startsWith("multinic_cni_installed"))).toEqual([]);

  installed = true;
  for (const id of ["a", "b"]) node.attachments.detach(attachRequest(id));
  const after = await lines();
  expect(after).toContain("multinic_cni_installed 1");
  expect(after).toContain(`multinic_pool_addresses_used{${first}} 0`);
  expect(after.filter((line) => line.startsWith("multinic_attachments"))).toEqual([]);
});
