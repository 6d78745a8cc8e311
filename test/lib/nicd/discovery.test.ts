import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KernelEvent } from "../../../src/lib/linux/kernel.ts";
import { silentLog } from "../../../src/lib/log.ts";
import type { LinkAddress, Route } from "../../../src/lib/netlink/types.ts";
import { createDiscovery, touchesDiscovery } from "../../../src/lib/nicd/discovery.ts";
import { graceMs } from "../../../src/lib/plan/nic-discovery.ts";
import { createTestClock } from "../../support/clock.ts";
import {
  machineAddresses,
  machineLinks,
  machineRoutes,
  readMachine,
  writeSysfs,
} from "../../support/machine.ts";

const sysRoot = mkdtempSync(join(tmpdir(), "disc-"));
beforeAll(() => writeSysfs(readMachine("aws-4-eni"), sysRoot));
afterAll(() => rmSync(sysRoot, { recursive: true }));

/** A queue of events that a test fills by hand. */
function eventQueue() {
  const waiting: KernelEvent[] = [];
  let wake = () => {};
  let ended = false;
  async function* events(): AsyncGenerator<KernelEvent> {
    for (;;) {
      const next = waiting.shift();
      if (next) yield next;
      else if (ended) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  return {
    events: events(),
    push(event: KernelEvent) {
      waiting.push(event);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
  };
}

function world(machine = readMachine("aws-4-eni"), root = sysRoot) {
  const clock = createTestClock();
  const queue = eventQueue();
  const attached = new Set<string>();
  const state = { addresses: machineAddresses(machine), failing: false, reads: 0, away: false };
  const discovery = createDiscovery({
    kernel: {
      links() {
        state.reads++;
        if (state.failing) throw new Error("no buffer space");
        return machineLinks(machine);
      },
      addresses: () => state.addresses,
      routes: ({ family }) => machineRoutes(machine).filter((route) => route.family === family),
    },
    sysRoot: root,
    attachedMasters: () => attached,
    anyAway: () => state.away,
    clock,
    log: silentLog,
  });
  const lose = (name: string) => {
    state.addresses = state.addresses.filter((address: LinkAddress) => address.label !== name);
  };
  const names = () => discovery.current?.rows.map((row) => row.interfaceName);
  return { clock, queue, attached, state, discovery, lose, names };
}

const resync: KernelEvent = { kind: "resync" };

describe("createDiscovery", () => {
  test("looks once for a burst of events, within 50 ms of the first, however long the burst is", async () => {
    const { clock, queue, state, discovery } = world();
    const done = discovery.run(queue.events, new AbortController().signal);
    await clock.advance(0);
    expect(state.reads).toBe(1);
    for (let i = 0; i < 9; i++) {
      queue.push(resync);
      await clock.advance(10);
    }
    expect(state.reads).toBe(2);
    await clock.advance(50);
    expect(state.reads).toBe(3);
    await clock.advance(60_000);
    expect(state.reads).toBe(3);
    queue.end();
    await done;
    expect(clock.waiting).toBe(0);
  });

  test("tells of changes only, and drops an addressless NIC after five minutes without any event", async () => {
    const { clock, queue, discovery, lose, names } = world();
    const told: number[] = [];
    discovery.onChange((found) => told.push(found.rows.length));
    const done = discovery.run(queue.events, new AbortController().signal);
    queue.push(resync);
    await clock.advance(100);
    expect(told).toEqual([3]);
    lose("ens7");
    queue.push(resync);
    await clock.advance(100);
    expect(told).toEqual([3, 3]);
    await clock.advance(graceMs - 1000);
    expect(names()).toContain("ens7");
    await clock.advance(1000);
    expect(names()).toEqual(["ens6", "ens8"]);
    expect(told).toEqual([3, 3, 2]);
    queue.end();
    await done;
  });

  test("keeps what it knows while the kernel cannot be read, and tries again", async () => {
    const { clock, queue, state, discovery, lose, names } = world();
    const done = discovery.run(queue.events, new AbortController().signal);
    await clock.advance(0);
    state.failing = true;
    queue.push(resync);
    await clock.advance(500);
    expect(names()).toEqual(["ens6", "ens7", "ens8"]);
    expect(() => discovery.refresh()).toThrow("no buffer space");
    lose("ens7");
    state.failing = false;
    await clock.advance(1000);
    expect(discovery.current?.interfaces.find((nic) => nic.interfaceName === "ens7")?.reason).toBe(
      "NoAddress",
    );
    queue.end();
    await done;
  });

  test("knows the physical function of each virtual one", () => {
    const machine = readMachine("dual-socket-sriov");
    const root = mkdtempSync(join(sysRoot, "sriov-"));
    writeSysfs(machine, root);
    const { discovery } = world(machine, root);
    discovery.refresh();
    expect(discovery.parents.size).toBe(16);
    expect(discovery.parents.get("0000:ca:01.0")).toBe("0000:ca:00.0");
    expect(discovery.parents.get("0000:17:01.7")).toBe("0000:17:00.0");
  });

  test("takes over the rows of the object after a restart, and drops a NIC when its last attachment goes", async () => {
    const first = world();
    const rows = first.discovery.refresh().rows;
    const { clock, queue, attached, discovery, lose, names } = world();
    lose("ens7");
    discovery.refresh();
    expect(names()).toEqual(["ens6", "ens8"]);
    attached.add("ens7");
    discovery.adopt(rows);
    expect(names()).toEqual(["ens6", "ens7", "ens8"]);
    await clock.advance(graceMs);
    discovery.refresh();
    expect(names()).toContain("ens7");
    attached.clear();
    const done = discovery.run(queue.events, new AbortController().signal);
    discovery.released();
    await clock.advance(50);
    expect(names()).toEqual(["ens6", "ens8"]);
    queue.end();
    await done;
  });

  test("looks again for an attachment that goes only while a NIC is kept for its attachments or is away", async () => {
    const { clock, queue, state, discovery, lose } = world();
    const done = discovery.run(queue.events, new AbortController().signal);
    await clock.advance(0);
    discovery.released();
    await clock.advance(100);
    expect(state.reads).toBe(1);
    state.away = true;
    discovery.released();
    await clock.advance(100);
    expect(state.reads).toBe(2);
    state.away = false;
    lose("ens7");
    discovery.poke();
    await clock.advance(100);
    expect(state.reads).toBe(3);
    discovery.released();
    await clock.advance(100);
    expect(state.reads).toBe(4);
    queue.end();
    await done;
  });

  test("is concerned with what has a device or may carry NICs, not with the ends of pods' links", () => {
    const { discovery } = world();
    const { rows } = discovery.refresh();
    const concerns = (name: string, kind: string) => discovery.concerns({ name, kind });
    expect(["", "bond", "team", "vlan", "bridge"].map((kind) => concerns("x0", kind))).toEqual(
      Array(5).fill(true),
    );
    const ends = ["veth", "macvlan", "macvtap", "ipvlan", "ipvtap", "tun"];
    expect(ends.map((kind) => concerns("x0", kind))).toEqual(Array(6).fill(false));
    expect(ends.map((kind) => concerns("ens6", kind))).toEqual(Array(6).fill(true));
    // The default route's, and one that a HostInterface lists.
    const bare = world(undefined, join(sysRoot, "none")).discovery;
    bare.refresh();
    expect(bare.concerns({ name: "ens5", kind: "veth" })).toBe(true);
    expect(bare.concerns({ name: "ens6", kind: "veth" })).toBe(false);
    bare.adopt(rows);
    expect(bare.concerns({ name: "ens6", kind: "veth" })).toBe(true);
  });
});

test("touchesDiscovery looks at routes only when they are the default one of main", () => {
  const route = { family: 4, dst: "0.0.0.0/0", table: 254 } as Route;
  const event = (more: Partial<Route>): KernelEvent => ({
    kind: "route",
    gone: false,
    route: { ...route, ...more },
  });
  expect(touchesDiscovery(event({}))).toBe(true);
  expect(touchesDiscovery(event({ family: 6, dst: "::/0" }))).toBe(true);
  expect(touchesDiscovery(event({ table: 30000 }))).toBe(false);
  expect(touchesDiscovery(event({ dst: "10.0.0.0/8" }))).toBe(false);
  expect(touchesDiscovery(resync)).toBe(true);
});
