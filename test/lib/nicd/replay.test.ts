import { describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLog } from "../../../src/lib/log.ts";
import { replayTombstones } from "../../../src/lib/nicd/replay.ts";
import { writeTombstone } from "../../../src/lib/node/tombstone.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";

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

  test("drops a tombstone that is older than the attachment it names", () => {
    using node = testNode();
    const folder = join(node.folder, "tombstones");
    const log = createLog({ level: () => "error", write: () => {} });
    writeTombstone(folder, { key: key("c1"), at: node.clock.now - 1 });
    node.attachments.attach(attachRequest("c1"));
    replayTombstones(folder, node.attachments, log);
    expect(node.attachments.list()).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });
});
