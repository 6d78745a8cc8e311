import { expect, test } from "bun:test";
import { join } from "node:path";
import { silentLog } from "../../../src/lib/log.ts";
import { openNodeRecord } from "../../../src/lib/nicd/noderecord.ts";
import { tombstoneDir } from "../../../src/lib/node/paths.ts";
import { writeTombstone } from "../../../src/lib/node/tombstone.ts";
import { attachRequest, host1, host1Pools, testNode } from "../../support/attachments.ts";

test("openNodeRecord frees the last boot's attachments, takes the tombstones, and starts without the API server", () => {
  using folder = testNode();
  const paths = { stateDir: join(folder.folder, "state") };
  const open = (bootId: string) =>
    openNodeRecord({ paths, node: "host1", bootId, now: () => 1_000, log: silentLog });

  const first = open("b1");
  first.view.setNics(host1);
  for (const pool of host1Pools) first.view.put(pool);
  first.attachments.attach(attachRequest("c1"));
  first.store.close();

  const second = open("b2");
  expect(second.released).toEqual([{ network: "net", containerID: "c1", ifname: "net1" }]);
  expect(second.store.meta("bootId")).toBe("b2");
  second.view.setNics(host1);
  const { interfaces } = second.attachments.attach(attachRequest("c2"));
  expect(interfaces[0]?.addresses).toEqual(["192.168.0.2/18"]);
  second.store.close();

  const key = { network: "net", containerID: "c2", ifname: "net1" };
  writeTombstone(tombstoneDir(paths), { key, at: 2_000 });
  const third = open("b2");
  expect([third.released, third.attachments.list()]).toEqual([[], []]);
  third.store.close();
});
