import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { runProgram } from "../../src/lib/linux/exec.ts";
import { inside } from "../../src/lib/linux/netns.ts";
import { silentLog } from "../../src/lib/log.ts";
import { Collector, releaseOldBoots } from "../../src/lib/nicd/collector.ts";
import { unassignLost } from "../../src/lib/nicd/lostaddresses.ts";
import { mendNode } from "../../src/lib/nicd/mend.ts";
import { attachRequest, pool } from "../support/attachments.ts";
import { CloudHost } from "../support/cloudhost.ts";
import type { CniNode } from "../support/cni.ts";
import type { FakeCloud } from "../support/ec2.ts";
import { multinic } from "../support/lab.ts";
import { scratch } from "../support/netns.ts";

let instance: CloudHost;
let at: CniNode;
let cloud: FakeCloud;
const assigned = () => instance.assigned();
const kept = () => at.node.attachments.list().map(({ containerID }) => containerID);

beforeAll(async () => {
  const pools = [1, 2].flatMap((n) => [
    pool(`eth${n}`, `10.0.${n}.0/28`, `10.0.${n}.0/24`),
    pool(`eth${n}`, `fd00:10:${n}::/124`, `fd00:10:${n}::/64`),
  ]);
  instance = await CloudHost.start("awslost", pools);
  at = instance.at;
});
afterAll(() => instance[Symbol.asyncDispose]());
beforeEach(() => {
  instance.renew();
  cloud = instance.cloud;
});

/** Attaches a pod as an ADD does, whose addresses EC2 then has; its DEL never comes. */
function lose(containerID: string, netns = "/run/netns/none"): string[] {
  const { ref } = attachRequest("x");
  const nets = [1, 2].flatMap((n) => [`10.0.${n}.0/24`, `fd00:10:${n}::/64`]);
  const aws = { ...ref, subnet: "", masterNets: nets, pluginType: "aws-ipvlan", mode: "l2" };
  const { interfaces } = at.node.attachments.attach(
    attachRequest(containerID, { ref: aws, netns }),
  );
  const bare = interfaces.map(({ addresses }) => addresses.map((a) => a.replace(/\/.*/, "")));
  for (const [i, list] of bare.entries()) {
    cloud.enis[i]?.secondary.push(...list.filter((each) => !each.includes(":")));
    cloud.enis[i]?.six.push(...list.filter((each) => each.includes(":")));
  }
  return bare.flat();
}

/** nicd's own, with the compiled program in place of itself, in the host's namespace; its clock is the node's. */
function collector(bootId = "boot-1", listed: () => readonly string[] = () => []): Collector {
  return new Collector({
    attachments: at.node.attachments,
    log: silentLog,
    now: () => at.node.clock.now,
    bootId,
    sandboxes: { list: async () => new Set(listed()) },
    podUids: () => undefined,
    mountinfo: () => "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n",
    unassign: (record) =>
      unassignLost(record, ({ env, stdin }) =>
        inside(at.host.netns, () =>
          runProgram(multinic, {
            env: {
              ...env,
              AWS_ENDPOINT_URL_EC2: "http://127.0.0.1:8099",
              MULTINIC_RUN_DIR: `${at.folder}/run`,
              MULTINIC_STATE_DIR: `${at.folder}/state`,
            },
            stdin,
            argv0: "aws-ipvlan",
          }),
        ),
      ),
  });
}

describe("Collector with aws-ipvlan", () => {
  test("unassigns at EC2 what a lost pod had, and only that, before it frees its addresses", async () => {
    using living = scratch("living");
    const gone = lose("gone");
    const stays = lose("stays", living.netns.path);
    expect(assigned().toSorted()).toEqual([...gone, ...stays].toSorted());
    const one = collector("boot-1", () => ["stays"]);
    for (const later of [1, 29_999, 1]) {
      expect(kept()).toEqual(["gone", "stays"]);
      at.node.clock.now += later;
      await one.collect();
    }
    expect([kept(), assigned().toSorted()]).toEqual([["stays"], stays.toSorted()]);
    at.node.attachments.detach({ network: "net", containerID: "stays", ifname: "net1" });
  });

  test("keeps the addresses while EC2 refuses, says so to multinic gc, and frees them when that is over", async () => {
    lose("late");
    cloud.always.set("UnassignPrivateIpAddresses", "UnauthorizedOperation");
    const one = collector("boot-2");
    expect([await one.collect(), kept()]).toEqual([[], ["late"]]);
    const said = await mendNode(
      { dryRun: false },
      {
        tombstones: [],
        attachments: at.node.attachments,
        collector: one,
        pools: { behind: () => [], mirror: async () => {} },
        routes: async () => ({ steps: [], failures: [] }),
        log: silentLog,
      },
    );
    expect(said).toEqual({
      steps: [],
      failures: [expect.stringContaining("EC2 did not unassign")],
    });
    cloud.always.clear();
    expect((await one.collect()).map(({ containerID }) => containerID)).toEqual(["late"]);
    expect([kept(), assigned()]).toEqual([[], []]);
  });

  test("frees them all the same after ten minutes: a pool must not run dry for a cloud's sake", async () => {
    lose("never");
    cloud.always.set("DescribeNetworkInterfaces", "UnauthorizedOperation");
    const one = collector("boot-2");
    await one.collect();
    at.node.clock.now += 10 * 60_000 - 1;
    await one.collect();
    expect(kept()).toEqual(["never"]);
    at.node.clock.now += 1;
    await one.collect();
    expect([kept(), assigned()]).toEqual([[], expect.not.arrayContaining(["10.0.1.10"])]);
  });

  test("a boot leaves them to the collector, so that pods do not wait for a cloud", async () => {
    const had = lose("old");
    expect(releaseOldBoots(at.node.attachments, "boot-2", silentLog)).toEqual([]);
    expect(assigned().toSorted()).toEqual(had.toSorted());
    await collector("boot-2").collect();
    expect([kept(), assigned()]).toEqual([[], []]);
  });
});
