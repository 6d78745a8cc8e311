import { describe, expect, test } from "bun:test";
import { settleAddresses, untilLocal } from "../../../src/lib/cni/settle.ts";
import { fakeWorld } from "../../support/cnifakes.ts";

const tentative = 0x40;
const failed = 0x08;
const result = {
  interfaces: [{ name: "net1-0", sandbox: "/pod" }],
  ips: [{ address: "fd00:0::1/64", interface: 0 }],
  routes: [],
  dns: {},
};

/** A pod whose address has `flags`, and loses them after `pauses` pauses. */
async function settling(flags: number, options: { pauses?: number; carrier?: boolean } = {}) {
  const world = fakeWorld();
  const { index } = world.pod.addLink("net1-0", { carrier: options.carrier ?? true });
  const own = { index, family: 6 as const, scope: 0, label: "" };
  const at = { ...own, address: "fd00::1/64", flags };
  const other = { ...own, address: "fe80::1/64", flags: tentative | failed };
  world.pod.addresses.push(at, other);
  const pause = async (ms: number) => {
    await world.deps.pause(ms);
    if (world.pauses.length === options.pauses) at.flags = 0;
  };
  const { openNetns } = await world.deps.sockets();
  const pod = openNetns("/pod").open();
  return { world, done: () => settleAddresses(pod, result, { ...world.deps, pause }) };
}

describe("untilLocal", () => {
  test("waits until the kernel has the local route of each IPv6 address, and asks for no other", async () => {
    const world = fakeWorld();
    const { index } = world.pod.addLink("net1-0");
    const own = { index, scope: 0, label: "", flags: 0x80 };
    world.pod.addresses.push({ ...own, family: 6, address: "fd00::1/64" });
    world.pod.late = 3;
    const { openNetns } = await world.deps.sockets();
    const pod = openNetns("/pod").open();
    await untilLocal(pod, ["10.0.0.1/24", "fd00::1/64"], world.deps);
    expect(world.pauses).toHaveLength(3);
  });
});

describe("settleAddresses", () => {
  test("returns at once when nothing is tentative, and does not look at link-local addresses", async () => {
    const { world, done } = await settling(0x80);
    await done();
    expect(world.pauses).toHaveLength(0);
  });

  test("waits until detection is over", async () => {
    const { world, done } = await settling(tentative, { pauses: 3 });
    await done();
    expect(world.pauses).toHaveLength(3);
  });

  test("does not wait for an optimistic address, which can be used, nor without carrier", async () => {
    for (const { done, world } of [
      await settling(tentative | 0x04),
      await settling(tentative, { carrier: false }),
    ]) {
      await done();
      expect(world.pauses).toHaveLength(0);
    }
  });

  test("names an address that another node has", async () => {
    const { done } = await settling(tentative | failed);
    await expect(done()).rejects.toMatchObject({
      message: "The pod cannot use fd00::1/64",
      code: "110",
    });
  });

  test("gives up after ten seconds, and asks to be called again", async () => {
    const { world, done } = await settling(tentative);
    await expect(done()).rejects.toMatchObject({
      message: "The pod cannot use fd00::1/64 yet",
      code: "11",
    });
    await done().catch(() => {});
    expect(world.pauses.length).toBeGreaterThanOrEqual(500);
  });
});
