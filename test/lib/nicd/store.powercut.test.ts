import { expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attachRequest, testNode } from "../../support/attachments.ts";

/** A frame of SQLite's write-ahead log: 24 bytes and a page; 32 bytes stand before the first (sqlite.org/fileformat2). */
const logHeader = 32;
const frameHeader = 24;

test("a power cut at every page boundary of the log leaves the attaches before it, each address once, and an nicd that works", () => {
  using node = testNode();
  const names = Array.from({ length: 12 }, (_, i) => `c${i}`);
  for (const name of names) node.attachments.attach(attachRequest(name));
  const log = readFileSync(`${node.file}-wal`);
  const page = log.readUInt32BE(8);
  const frames = (log.length - logHeader) / (frameHeader + page);
  expect(frames).toBeGreaterThan(24);
  let most = 0;
  for (let kept = 0; kept <= frames; kept++) {
    for (const torn of [0, 100]) {
      const length = Math.min(log.length, logHeader + kept * (frameHeader + page) + torn);
      const folder = mkdtempSync(join(tmpdir(), "multinic-cut-"));
      try {
        copyFileSync(node.file, join(folder, "state.db"));
        writeFileSync(join(folder, "state.db-wal"), log.subarray(0, length));
        const after = testNode({ folder });
        const found = after.attachments.list();
        expect(found.map(({ containerID }) => containerID)).toEqual(names.slice(0, found.length));
        expect(found.length).toBeGreaterThanOrEqual(most);
        most = found.length;
        after.attachments.attach(attachRequest("next"));
        const all = after.attachments
          .list()
          .flatMap(({ interfaces }) =>
            interfaces.flatMap((nic) => nic.addresses.map((a) => `${nic.name} ${a.address}`)),
          );
        expect(new Set(all).size).toBe(2 * (found.length + 1));
        after[Symbol.dispose]();
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  }
  expect(most).toBe(names.length);
}, 60_000);
