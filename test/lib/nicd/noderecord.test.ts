import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../../src/lib/log.ts";
import { openNodeRecord } from "../../../src/lib/nicd/noderecord.ts";
import { databasePath, journalPath, tombstoneDir } from "../../../src/lib/node/paths.ts";
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

const states = ["as it was two commits ago", "of an earlier boot", "deleted", "emptied"] as const;

describe.each(states)("openNodeRecord with a record that is %s", (state) => {
  test("takes what it lacks from this boot's journal, and gives no address twice", () => {
    using world = lost(state);
    const { attachments, store, view } = world.open("b2");
    const held = () => attachments.list().map(({ containerID }) => containerID);
    expect(held()).toEqual(["kept", "late"]);
    expect(store.meta("bootId")).toBe("b2");
    view.setNics(host1);
    for (const pool of host1Pools) view.put(pool);
    const again = attachments.attach(attachRequest("late"));
    expect([again.repeated, again.interfaces[0]?.addresses]).toEqual([true, world.late]);
    const { interfaces } = attachments.attach(attachRequest("next"));
    expect(world.given).not.toContainEqual(interfaces[0]?.addresses);
    expect(attachments.detach(attachRequest("late")).released).toHaveLength(2);
    world.close();
    expect(world.open("b2").attachments.list()).toHaveLength(2);
  });

  test("believes nothing of it when the journal is damaged or gone and this boot's record is not it", () => {
    using world = lost(state);
    for (const spoil of [() => writeFileSync(world.journal, "{"), () => rmSync(world.journal)]) {
      spoil();
      if (state === "as it was two commits ago") {
        expect(world.open("b2").attachments.list()).toHaveLength(1);
        world.close();
        continue;
      }
      for (const _ of [1, 2]) {
        expect(() => world.open("b2")).toThrow("this boot had one; pods may hold addresses");
      }
    }
    // With the boot went every pod.
    expect(world.open("b3").attachments.list()).toEqual([]);
  });
});

/** A record of boot b2 with the pods "kept" and "late", put back to an older state that has "gone". */
function lost(state: (typeof states)[number]) {
  const folder = mkdtempSync(join(tmpdir(), "multinic-lost-"));
  const paths = { runDir: join(folder, "run"), stateDir: join(folder, "state") };
  const file = databasePath(paths);
  const files = ["", "-wal", "-shm"].map((end) => `${file}${end}`);
  let opened: ReturnType<typeof openNodeRecord> | undefined;
  const close = () => {
    opened?.close();
    opened = undefined;
  };
  const open = (bootId: string) => {
    opened = openNodeRecord({ paths, node: "host1", bootId, now: () => 1_000, log: silentLog });
    opened.view.setNics(host1);
    for (const pool of host1Pools) opened.view.put(pool);
    return opened;
  };
  const given: (readonly string[] | undefined)[] = [];
  const attach = (id: string) => {
    const addresses = opened?.attachments.attach(attachRequest(id)).interfaces[0]?.addresses;
    given.push(addresses);
    return addresses;
  };
  const older = state === "of an earlier boot" ? "b1" : "b2";
  open(older);
  attach("old");
  close();
  copyFileSync(file, `${file}.backup`);
  open("b2");
  opened?.attachments.detach(attachRequest("old"));
  close();
  open("b2");
  given.length = 0;
  attach("kept");
  if (state === "as it was two commits ago") {
    close();
    copyFileSync(file, `${file}.backup`);
    open("b2");
  }
  attach("gone");
  const late = attach("late");
  opened?.attachments.detach(attachRequest("gone"));
  close();
  for (const each of files) rmSync(each, { force: true });
  if (state === "emptied") writeFileSync(file, "");
  else if (state !== "deleted") renameSync(`${file}.backup`, file);
  const journal = journalPath(paths);
  return {
    ...{ open, close, late, given: given.toSpliced(1, 1), journal },
    [Symbol.dispose]() {
      close();
      rmSync(folder, { recursive: true });
    },
  };
}
