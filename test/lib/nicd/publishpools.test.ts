import { expect, setDefaultTimeout, test } from "bun:test";
import { runController } from "../../../src/lib/kube/controller.ts";
import { createInformer } from "../../../src/lib/kube/informer.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { publishPools } from "../../../src/lib/nicd/publishpools.ts";
import { attachRequest, host1Pools, testNode } from "../../support/attachments.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(30_000);

const first = "net-192.168.0.0-24";
const second = "net-192.168.64.0-24";

/** An API server with host1's two pools, host1's record, and the mirror between them. */
async function mirrored() {
  const world = await OperatorWorld.start();
  for (const pool of host1Pools) await world.kube.create("IPPool", pool);
  const node = testNode();
  const stop = new AbortController();
  const kube = world.watched();
  const pools = createInformer(kube, "IPPool", { log: silentLog, signal: stop.signal });
  const { attachments } = node;
  const controller = publishPools({ kube, pools, attachments, log: silentLog }, stop.signal);
  const running = runController({ ...controller, minMs: 5 }, stop.signal);
  return {
    world,
    node,
    /** Waits until a pool shows these allocations as `address pod`. */
    shows: (name: string, rows: string[]) =>
      world.until("IPPool", name, ({ spec }) => {
        const seen = spec.allocations.map((one) => `${one.address} ${one.namespace}/${one.pod}`);
        return seen.join() === rows.join();
      }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      node[Symbol.dispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

test("publishPools mirrors allocations and usage, and what is given back", async () => {
  await using at = await mirrored();
  at.node.attachments.attach(attachRequest("c1"));
  await at.shows(first, ["192.168.0.1 default/pod-c1"]);
  await at.shows(second, ["192.168.64.1 default/pod-c1"]);
  await at.world.until("IPPool", first, (pool) => pool.status?.usage === "1/254");
  at.node.attachments.detach({ network: "net", containerID: "c1", ifname: "net1" });
  await at.shows(first, []);
  await at.shows(second, []);
  await at.world.until("IPPool", first, (pool) => pool.status?.usage === "0/254");
});

test("publishPools makes a handful of writes of a burst of pods", async () => {
  await using at = await mirrored();
  await at.world.until("IPPool", second, (pool) => pool.status?.usage === "0/254");
  at.world.writes.length = 0;
  const ids = Array.from({ length: 40 }, (_, i) => `c${i}`);
  for (const id of ids) at.node.attachments.attach(attachRequest(id));
  await at.world.until("IPPool", first, (pool) => pool.status?.usage === "40/254");
  await at.world.until("IPPool", second, (pool) => pool.status?.usage === "40/254");
  expect(at.world.writes.length).toBeLessThanOrEqual(8);
});

test("publishPools puts right what somebody wrote into the mirror, for the record is the truth", async () => {
  await using at = await mirrored();
  at.node.attachments.attach(attachRequest("c1"));
  await at.shows(first, ["192.168.0.1 default/pod-c1"]);
  const allocations = [{ pod: "ghost", namespace: "default", index: 9, address: "192.168.0.9" }];
  await at.world.kube.patch("IPPool", first, { spec: { allocations } });
  await at.shows(first, ["192.168.0.1 default/pod-c1"]);
  await at.world.kube.patch("IPPool", first, { spec: { allocations: [] } });
  await at.shows(first, ["192.168.0.1 default/pod-c1"]);
});

test("publishPools catches up after the API server was away, and leaves the rest of the pool to the operator", async () => {
  await using at = await mirrored();
  await at.world.until("IPPool", second, (pool) => pool.status?.usage === "0/254");
  await at.world.api.pause();
  at.node.attachments.attach(attachRequest("c1"));
  at.node.attachments.attach(attachRequest("c2"));
  at.node.attachments.detach({ network: "net", containerID: "c1", ifname: "net1" });
  at.world.api.resume();
  await at.world.kube.patch("IPPool", first, { spec: { excludes: ["192.168.0.200"] } });
  await at.shows(first, ["192.168.0.2 default/pod-c2"]);
  const pool = await at.world.kube.get("IPPool", first);
  expect(pool?.spec.excludes).toEqual(["192.168.0.200"]);
}, 40_000);
