import { expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { allSynced, createCopies, feedView } from "../../../src/lib/nicd/copies.ts";
import { hostnameLabel } from "../../../src/lib/plan/names.ts";
import { host1Pools, pool, testNode } from "../../support/attachments.ts";
import { hostInterfaceOf } from "../../support/objects.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";
import { sha256 } from "../../support/plan-world.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(30_000);

const options = { node: "host1", log: silentLog, sha256, withPods: true };

/** A pool with the label by which its node finds it. */
const labelled = (one: ReturnType<typeof pool>, host: string) => ({
  ...one,
  metadata: { ...one.metadata, labels: { [hostnameLabel]: host } },
  spec: { ...one.spec, hostName: host },
});

test("createCopies holds this node's own objects only, whatever the cluster's size", async () => {
  await using world = await OperatorWorld.start();
  for (const each of host1Pools) await world.kube.create("IPPool", labelled(each, "host1"));
  const other = pool("eth1", "192.168.1.0/24", "192.168.0.0/18");
  await world.kube.create("IPPool", labelled(other, "host2"));
  for (const number of [1, 2]) await world.kube.create("HostInterface", hostInterfaceOf(number));
  for (const node of ["host1", "host2"]) await world.daemon(node, "True");
  const stop = new AbortController();
  const copies = createCopies(world.kube, options, stop.signal);
  expect(allSynced(copies)).toBe(false);
  await Promise.all(Object.values(copies).map((one) => one.ready(stop.signal)));
  expect(allSynced(copies)).toBe(true);
  const names = (list: readonly { metadata: { name: string } }[] | undefined) =>
    list?.map((one) => one.metadata.name).sort();
  expect(names(copies.pools.list())).toEqual(names(host1Pools));
  expect(names(copies.hostInterfaces.list())).toEqual(["host1"]);
  expect(names(copies.pods?.list())).toEqual(["multi-nicd-host1"]);
  const bare = createCopies(world.kube, { ...options, withPods: false }, stop.signal);
  expect(bare.pods).toBeUndefined();
  stop.abort();
});

test("feedView keeps the view as the server is, and as it last was while the server is away", async () => {
  await using world = await OperatorWorld.start();
  const [first, second] = host1Pools;
  if (!first || !second) throw new Error("host1 has two pools");
  await world.kube.create("IPPool", labelled(first, "host1"));
  using node = testNode({ pools: [labelled(second, "host1")] });
  const pools = () => node.view.pools("net").map((one) => one.podCIDR);
  const stop = new AbortController();
  const copies = createCopies(world.kube, options, stop.signal);
  // Nothing has been read yet: what was known before counts.
  expect(pools()).toEqual([second.spec.podCIDR]);
  feedView(copies, node.view, stop.signal);
  const until = (wanted: string[]) =>
    eventually("the view", async () =>
      pools().join() === wanted.join() ? { value: true } : { not: pools().join() },
    );
  await until([first.spec.podCIDR]);
  await world.kube.create("IPPool", labelled(second, "host1"));
  await until([first.spec.podCIDR, second.spec.podCIDR]);
  await world.kube.remove("IPPool", first.metadata.name);
  await until([second.spec.podCIDR]);
  await world.api.pause();
  expect(pools()).toEqual([second.spec.podCIDR]);
  stop.abort();
});
