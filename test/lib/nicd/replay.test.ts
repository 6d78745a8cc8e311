import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "../../../src/lib/log.ts";
import { openNodeRecord } from "../../../src/lib/nicd/noderecord.ts";
import { replayTombstones } from "../../../src/lib/nicd/replay.ts";
import { tombstoneDir } from "../../../src/lib/node/paths.ts";
import { writeTombstone } from "../../../src/lib/node/tombstone.ts";
import { attachRequest, host1, host1Pools, testNode } from "../../support/attachments.ts";

function key(containerID: string) {
  return { network: "net", containerID, ifname: "net1" };
}

describe("replayTombstones", () => {
  test("releases what was detached while nicd was away, deletes the files, sets nonsense aside and says so", () => {
    using node = testNode();
    const folder = join(node.folder, "tombstones");
    const lines: string[] = [];
    const log = createLog({ level: () => "info", write: (line) => lines.push(line) });
    node.attachments.attach(attachRequest("c1"));
    node.attachments.attach(attachRequest("c2"));
    writeTombstone(folder, { key: key("c1"), at: node.clock.now + 1 });
    writeFileSync(join(folder, "0.json"), "{");
    expect(replayTombstones(folder, node.attachments, log)).toBe(1);
    expect(node.attachments.list().map((record) => record.containerID)).toEqual(["c2"]);
    expect(readdirSync(folder)).toEqual(["0.json.bad"]);
    expect(lines.join("\n")).toContain("set a malformed tombstone aside");
    expect(replayTombstones(folder, node.attachments, log)).toBe(0);
  });

  test("leaves a grave for a key that was not attached: its late attach is refused", () => {
    using node = testNode();
    const folder = join(node.folder, "tombstones");
    const log = createLog({ level: () => "error", write: () => {} });
    writeTombstone(folder, { key: key("c1"), at: node.clock.now });
    replayTombstones(folder, node.attachments, log);
    expect(() => node.attachments.attach(attachRequest("c1"))).toThrow("detached before");
  });

  test.each([-3_600_000, 0, 3_600_000])(
    "of a key that is attached anew was taken by the attach, with the clock %d ms off at the DEL",
    (off) => {
      const folder = mkdtempSync(join(tmpdir(), "multinic-replay-"));
      const paths = { runDir: join(folder, "run"), stateDir: join(folder, "state") };
      const clock = { now: 1_700_000_000_000 };
      const log = createLog({ level: () => "error", write: () => {} });
      const more = { node: "host1", bootId: "b", now: () => clock.now, log };
      const { attachments, view, store } = openNodeRecord({ paths, ...more });
      view.setNics(host1);
      for (const pool of host1Pools) view.put(pool);
      attachments.attach(attachRequest("c1"));
      writeTombstone(tombstoneDir(paths), { key: key("c1"), at: clock.now + off });
      const again = attachments.attach(attachRequest("c1", { netns: "/run/netns/new" }));
      expect(again.repeated).toBeUndefined();
      expect(readdirSync(tombstoneDir(paths))).toEqual([]);
      expect(replayTombstones(tombstoneDir(paths), attachments, log)).toBe(0);
      expect(attachments.list()).toHaveLength(1);
      // And one that is left after it is taken, whatever it says of its time.
      writeTombstone(tombstoneDir(paths), { key: key("c1"), at: clock.now + off });
      expect(replayTombstones(tombstoneDir(paths), attachments, log)).toBe(1);
      expect(attachments.list()).toEqual([]);
      store.close();
      rmSync(folder, { recursive: true });
    },
  );
});
