import { expect, setDefaultTimeout, test } from "bun:test";
import { Failure } from "../../../src/lib/errors.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { ownConfig } from "../../support/objects.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

// Back-offs of several seconds may pass on a busy machine.
setDefaultTimeout(30_000);

const minutes = 60_000;
const pool = "gone-192.168.0.0-24";

/** A cluster where an earlier operator left slice and pools of network `gone`, which nothing has any more. */
async function left(allocations: unknown[] = []): Promise<OperatorWorld> {
  const world = await OperatorWorld.start();
  await world.join(1);
  const stop = world.operator();
  await world.network("gone");
  await world.network("net", { subnet: "172.16.0.0/16" });
  await world.status("gone", (s) => s.discovery.cidrProcessed === 1);
  await world.status("net", (s) => s.discovery.cidrProcessed === 1);
  await world.until("IPPool", pool, () => true);
  await eventually("the pools", async () => {
    const pools = await world.names("IPPool");
    return pools.length === 4 ? { value: pools } : { not: String(pools) };
  });
  await world.until("CIDR", "net", () => true);
  await stop();
  await world.kube.patch("IPPool", pool, { spec: { allocations } });
  await world.kube.patch("MultiNicNetwork", "gone", { metadata: { finalizers: [] } });
  await world.kube.remove("MultiNicNetwork", "gone");
  await world.gone("MultiNicNetwork", "gone");
  world.wall = Date.now();
  world.reads.length = 0;
  return world;
}

const held = [{ pod: "pod-1", namespace: "default", index: 1, address: "192.168.0.1" }];

/** Lets the operator look again, and waits until it has read the network from the server. */
async function look(world: OperatorWorld): Promise<void> {
  const looks = () => world.reads.filter((what) => what === "MultiNicNetwork gone").length;
  const before = looks();
  const metadata = { annotations: { touched: `${world.reads.length} ${world.wall}` } };
  await world.kube.patch("CIDR", "gone", { metadata });
  await eventually("a look", async () => (looks() > before ? { value: true } : { not: "none" }));
}

test("operator removes what an earlier one left of a network that is gone, after ten minutes, and nothing else", async () => {
  await using world = await left();
  world.operator();
  await eventually("a look", async () =>
    world.reads.includes("MultiNicNetwork gone") ? { value: true } : { not: "none" },
  );
  world.wall = Date.now() + 9 * minutes;
  await look(world);
  expect(await world.names("CIDR")).toEqual(["gone", "net"]);
  world.wall = Date.now() + 11 * minutes;
  await world.kube.patch("CIDR", "gone", { metadata: { annotations: { touched: "last" } } });
  await world.gone("CIDR", "gone");
  await eventually("the end of its pools", async () => {
    const pools = await world.names("IPPool");
    return pools.length === 2 ? { value: pools } : { not: String(pools) };
  });
  expect(await world.names("CIDR")).toEqual(["net"]);
  const removed = world.writes.filter(({ verb }) => verb === "remove");
  expect(removed.map(({ name }) => name.startsWith("gone"))).toEqual([true, true, true]);
});

test("operator removes nothing of a network that it cannot see, while the server has it or does not answer", async () => {
  await using world = await left();
  world.hidden.add("MultiNicNetwork gone");
  await world.network("gone");
  world.operator();
  await look(world);
  world.wall = Date.now() + 60 * minutes;
  await look(world);
  await world.kube.remove("MultiNicNetwork", "gone");
  world.readHook = (what) => {
    if (what === "MultiNicNetwork gone") throw new Failure("no answer", { code: "Unavailable" });
  };
  await look(world);
  world.wall = Date.now() + 120 * minutes;
  await look(world);
  expect(await world.names("CIDR")).toEqual(["gone", "net"]);
  expect(await world.names("IPPool")).toHaveLength(4);
});

test("operator keeps slices and pools of a network that is gone as long as a pod holds an address in them", async () => {
  await using world = await left(held);
  world.operator();
  const touch = async (text: string) => {
    await world.kube.patch("CIDR", "gone", { metadata: { annotations: { touched: text } } });
    // Keys are taken in order: what concerned `gone` is over when a later network has its slice.
    await world.network(text, { subnet: `10.${100 + text.length}.0.0/16` });
    await world.until("CIDR", text, () => true);
  };
  await touch("a");
  world.wall = Date.now() + 60 * minutes;
  await touch("bb");
  expect(await world.names("CIDR")).toEqual(["a", "bb", "gone", "net"]);
  await world.kube.patch("IPPool", pool, { spec: { allocations: [] } });
  await look(world);
  world.wall = Date.now() + 120 * minutes;
  await world.kube.patch("CIDR", "gone", { metadata: { annotations: { touched: "last" } } });
  await world.gone("CIDR", "gone");
  await world.gone("IPPool", pool);
});

/** Whose write is held up until the network is gone. */
const ends = [
  ["before it got its finalizer", "patch", "MultiNicNetwork"],
  ["by others, finalizer and all,", "create", "CIDR"],
] as const;

test.each(ends)(
  "operator makes nothing of a network that was deleted %s and whose end its watch lost",
  async (_, verb, kind) => {
    await using world = await OperatorWorld.start();
    await world.join(1);
    await world.kube.create("Config", ownConfig({ urgentReconcileSeconds: 1 }));
    let tries = 0;
    let isThere = true;
    world.hook = (write) => {
      if (write.verb !== verb || write.kind !== kind) return;
      tries++;
      if (isThere) throw new Failure("not now", { code: "Unavailable" });
    };
    const looks = () => tries + world.reads.filter((what) => what === "MultiNicNetwork net").length;
    const looked = (times: number) =>
      eventually("another try", async () =>
        looks() >= times ? { value: looks() } : { not: `${looks()} tries` },
      );
    world.operator();
    await world.network("net");
    await eventually("a try", async () => (tries > 0 ? { value: tries } : { not: "none" }));
    world.hidden.add("MultiNicNetwork net");
    await world.kube.patch("MultiNicNetwork", "net", { metadata: { finalizers: [] } });
    await world.kube.remove("MultiNicNetwork", "net");
    isThere = false;
    // What comes after a try is over when the next one begins.
    await looked(looks() + 3);
    expect([await world.names("CIDR"), await world.names("IPPool")]).toEqual([[], []]);
  },
);
