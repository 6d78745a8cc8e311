import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../../src/lib/log.ts";
import { openNodeRecord } from "../../../src/lib/nicd/noderecord.ts";
import { databasePath, tombstoneDir } from "../../../src/lib/node/paths.ts";
import { writeTombstone } from "../../../src/lib/node/tombstone.ts";
import { attachRequest, host1, host1Pools, testNode } from "../../support/attachments.ts";

test("openNodeRecord frees the last boot's attachments, takes the tombstones, and starts without the API server", () => {
  using folder = testNode();
  const paths = { runDir: join(folder.folder, "run"), stateDir: join(folder.folder, "state") };
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

test.each(["deleted", "emptied"])(
  "openNodeRecord refuses to begin anew when the record was %s in this very boot",
  (how) => {
    using folder = testNode();
    const paths = { runDir: join(folder.folder, "run"), stateDir: join(folder.folder, "state") };
    const open = (bootId: string) =>
      openNodeRecord({ paths, node: "host1", bootId, now: () => 1_000, log: silentLog });
    open("b1").store.close();
    for (const end of ["", "-wal", "-shm"]) rmSync(`${databasePath(paths)}${end}`, { force: true });
    if (how === "emptied") writeFileSync(databasePath(paths), "");
    for (const _ of [1, 2]) {
      expect(() => open("b1")).toThrow("this boot had one; pods may hold addresses");
    }
    // With the boot went every pod.
    open("b2").store.close();
    open("b2").store.close();
  },
);
