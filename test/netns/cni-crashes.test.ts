import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../src/lib/log.ts";
import { replayTombstones } from "../../src/lib/nicd/replay.ts";
import { type CniCall, type CniNode, cniNode, macvlanConfig } from "../support/cni.ts";
import { killed, type PointsOf } from "../support/faults.ts";
import { kernelHas, missing, type Scratch, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
const reference = existsSync("/usr/lib/cni/macvlan");
if (!reference) missing("the package containernetworking-plugins");
let at: CniNode;

beforeAll(async () => {
  if (able) at = await cniNode("crash");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

/** Links in the pod but lo. */
function links(pod: Scratch): string[] {
  return pod
    .ip("link", "show")
    .map((link) => String(link["ifname"]))
    .filter((name) => name !== "lo");
}

/** Addresses on the pod's links, link-local ones left out, as `name address`. */
function addresses(pod: Scratch): string[] {
  return pod
    .ip("addr", "show")
    .flatMap((link) => {
      const info = Array.isArray(link["addr_info"]) ? link["addr_info"] : [];
      return info
        .filter((each) => each.scope === "global")
        .map((each) => `${link["ifname"]} ${each.local}/${each.prefixlen}`);
    })
    .sort();
}

/** What the record says of a container, in the same words. */
function held(containerID: string): string[] {
  return at.node.attachments
    .list()
    .filter((record) => record.containerID === containerID)
    .flatMap(({ interfaces }) =>
      interfaces.flatMap((nic) =>
        nic.addresses.map((a) => `${nic.name} ${a.address}/${a.prefixLength}`),
      ),
    )
    .sort();
}

function expectNothingTwice(): void {
  const all = at.node.attachments
    .list()
    .flatMap(({ interfaces }) => interfaces.flatMap((nic) => nic.addresses.map((a) => a.address)));
  expect(new Set(all).size).toBe(all.length);
}

/** The runtime's next steps: DEL of what broke off, a fresh ADD, and the DEL of that. */
async function expectLifeGoesOn(pod: Scratch, call: Omit<CniCall, "command">): Promise<void> {
  for (const netns of [pod.netns.path, ""]) {
    const gone = await at.call({ ...call, netns, command: "DEL" });
    expect([gone.exitCode, gone.out]).toEqual([0, ""]);
  }
  expect(links(pod)).toEqual([]);
  expect(held(call.containerID ?? "")).toEqual([]);
  const next = { ...call, containerID: `${call.containerID}-next` };
  const added = await at.call({ ...next, command: "ADD" });
  expect([added.exitCode, added.out]).toEqual([0, added.out]);
  expect(addresses(pod)).toEqual(held(next.containerID));
  expect(addresses(pod)).toHaveLength(2);
  expectNothingTwice();
  expect((await at.call({ ...next, command: "DEL" })).exitCode).toBe(0);
  expect(held(next.containerID)).toEqual([]);
  expect(links(pod)).toEqual([]);
}

const delegated = macvlanConfig({ plugin: { cniVersion: "0.3.0", type: "bridge" } });

/** Every point of an ADD: what it leaves in the record, and in the pod when it was killed there. */
const adds: Record<PointsOf<"cni.add">, { at: string[]; recorded: number; made: number }> = {
  "cni.add.begin": { at: [""], recorded: 0, made: 0 },
  "cni.add.attached": { at: [""], recorded: 2, made: 0 },
  "cni.add.created": { at: [""], recorded: 2, made: 2 },
  "cni.add.configured": { at: [""], recorded: 2, made: 2 },
  "cni.add.delegated": { at: ["", ":1"], recorded: 2, made: 1 },
  "cni.add.named": { at: [""], recorded: 2, made: 2 },
  "cni.add.done": { at: [""], recorded: 2, made: 2 },
};

describe.if(able)("multi-nic killed in an ADD", () => {
  for (const [point, { at: indexes, recorded, made }] of Object.entries(adds)) {
    const byPlugin = point === "cni.add.delegated";
    for (const index of indexes) {
      test.if(!byPlugin || reference)(
        `at ${point}${index} keeps the addresses until the DEL, which leaves nothing; the next ADD works`,
        async () => {
          using pod = scratch("crash");
          const containerID = `${point.replaceAll(".", "-")}${index.replace(":", "-")}`;
          const config = byPlugin ? delegated : macvlanConfig();
          const call = { containerID, netns: pod.netns.path, config };
          const fault = { MULTINIC_FAULT: `${point}${index}` };
          const cut = await at.call({ ...call, command: "ADD", env: fault });
          expect([cut.exitCode, cut.out]).toEqual([killed, ""]);
          expect(held(containerID)).toHaveLength(recorded);
          if (!byPlugin) expect(links(pod)).toHaveLength(made + (index === ":1" ? 1 : 0));
          // What the kernel has must be in the record: else it could be given to another pod.
          expect(held(containerID)).toEqual(expect.arrayContaining(addresses(pod)));
          await expectLifeGoesOn(pod, call);
        },
      );
    }
  }

  test("and whose namespace went with it is released by the DEL that has none", async () => {
    const call = { containerID: "vanished", config: macvlanConfig() };
    {
      using pod = scratch("vanish");
      const env = { MULTINIC_FAULT: "cni.add.configured" };
      await at.call({ ...call, netns: pod.netns.path, command: "ADD", env });
    }
    expect(held("vanished")).toHaveLength(2);
    expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    expect(held("vanished")).toEqual([]);
  });
});

const dels: Record<PointsOf<"cni.del">, { at: string[]; recorded: number; left: number }> = {
  "cni.del.begin": { at: [""], recorded: 2, left: 2 },
  "cni.del.deleted": { at: ["", ":1"], recorded: 2, left: 1 },
  "cni.del.links": { at: [""], recorded: 2, left: 0 },
  "cni.del.delegates": { at: [""], recorded: 2, left: 0 },
  "cni.del.released": { at: [""], recorded: 0, left: 0 },
};

describe.if(able)("multi-nic killed in a DEL", () => {
  for (const [point, { at: indexes, recorded, left }] of Object.entries(dels)) {
    for (const index of indexes) {
      test(`at ${point}${index} gives no address back before its link is gone; the DEL again does it all`, async () => {
        using pod = scratch("crashdel");
        const containerID = `${point.replaceAll(".", "-")}${index.replace(":", "-")}`;
        const call = { containerID, netns: pod.netns.path, config: macvlanConfig() };
        expect((await at.call({ ...call, command: "ADD" })).exitCode).toBe(0);
        const fault = { MULTINIC_FAULT: `${point}${index}` };
        expect((await at.call({ ...call, command: "DEL", env: fault })).exitCode).toBe(killed);
        expect(held(containerID)).toHaveLength(recorded);
        expect(links(pod)).toHaveLength(left - (index === ":1" ? 1 : 0));
        expect(held(containerID)).toEqual(expect.arrayContaining(addresses(pod)));
        await expectLifeGoesOn(pod, call);
      });
    }
  }

  const stones: Record<PointsOf<"cni.tombstone">, number> = {
    "cni.tombstone.written": 0,
    "cni.tombstone.renamed": 1,
  };
  for (const [point, taken] of Object.entries(stones)) {
    test(`at ${point}, nicd away, leaves ${taken} whole tombstones and no half one; the DEL again leaves one`, async () => {
      using pod = scratch("crashstone");
      const containerID = point.replaceAll(".", "-");
      const call = { containerID, netns: pod.netns.path, config: macvlanConfig() };
      const folder = join(at.folder, "state/tombstones");
      expect((await at.call({ ...call, command: "ADD" })).exitCode).toBe(0);
      await at.stopNicd();
      try {
        const env = { MULTINIC_FAULT: point };
        expect((await at.call({ ...call, command: "DEL", env })).exitCode).toBe(killed);
        expect(replayTombstones(folder, at.node.attachments, silentLog)).toBe(taken);
        expect(held(containerID)).toHaveLength(taken === 1 ? 0 : 2);
        expect((await at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
        expect(replayTombstones(folder, at.node.attachments, silentLog)).toBe(1);
      } finally {
        await at.startNicd();
      }
      await expectLifeGoesOn(pod, call);
    });
  }
});
