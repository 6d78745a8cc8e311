import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "../../../src/lib/log.ts";
import { Attachments } from "../../../src/lib/nicd/attachments.ts";
import { Journal, readJournal } from "../../../src/lib/nicd/journal.ts";
import { attachRequest, type TestNode, testNode } from "../../support/attachments.ts";
import { random } from "../../support/random.ts";

let folder: string;
let file: string;
let node: TestNode;
let lines: string[];
let journal: Journal;
let attachments: Attachments;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "multinic-journal-"));
  file = join(folder, "journal");
  node = testNode();
  const { store, view, clock } = node;
  lines = [];
  const log = createLog({ level: () => "info", write: (line) => lines.push(line) });
  const more = { log, bootId: "b", sequence: () => store.sequence };
  const notes = ({ containerID }: { containerID: string }) => ({ [containerID]: "{}" });
  journal = new Journal({ file, ...more, records: () => store.records.list(), notes });
  attachments = new Attachments({ store, view, log, now: () => clock.now, bootId: "b", journal });
});
afterEach(() => {
  journal.close();
  node[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

function told(): readonly [number | undefined, unknown] {
  const seen = readJournal(file, "b");
  return [seen?.sequence, seen?.replay().map(({ attached }) => attached)];
}

describe("Journal", () => {
  test("tells what the record tells after every commit of a thousand, and stays bounded", () => {
    const dice = random(7);
    journal.begin();
    for (let i = 0; i < 1_000; i++) {
      const id = `c${dice.int(20)}`;
      const held = attachments.find(attachRequest(id));
      if (held && dice.int(4) === 0) attachments.attach(attachRequest(id, { netns: `/n/${i}` }));
      else if (held) attachments.detach(attachRequest(id));
      else attachments.attach(attachRequest(id));
      if (i % 50 > 0) continue;
      const [sequence, seen] = told();
      expect(sequence).toBe(node.store.sequence);
      expect(seen).toBeArrayOfSize(attachments.list().length);
      expect(seen).toEqual(expect.arrayContaining(attachments.list()));
    }
    for (let i = 0; i < 4_000; i++) journal.detached(i, attachRequest("x"));
    expect(statSync(file).size).toBeLessThan(1_100_000);
    expect(lines.filter((line) => line.includes("journal"))).toEqual([]);
  });

  test("that was taken away is written anew with the next commit", () => {
    journal.begin();
    attachments.attach(attachRequest("c1"));
    rmSync(file);
    attachments.attach(attachRequest("c2"));
    expect(told()).toEqual([2, attachments.list()]);
    expect(readJournal(file, "b")?.replay()[0]?.lent).toEqual({ c1: "{}" });
  });

  test("that cannot be written is said once, refuses no pod, and is whole again when it can", () => {
    rmSync(folder, { recursive: true });
    for (const id of ["c1", "c2", "c3"]) attachments.attach(attachRequest(id));
    expect(lines.filter((line) => line.includes("cannot keep the journal"))).toHaveLength(1);
    mkdirSync(folder);
    attachments.detach(attachRequest("c2"));
    expect(told()).toEqual([4, attachments.list()]);
  });
});

describe("readJournal", () => {
  test("leaves out a line that was not written whole, and knows no other boot's", () => {
    journal.begin();
    attachments.attach(attachRequest("c1"));
    const text = readFileSync(file, "utf8");
    attachments.attach(attachRequest("c2"));
    writeFileSync(file, readFileSync(file, "utf8").slice(0, -7));
    expect(told()).toEqual([1, attachments.list().slice(0, 1)]);
    writeFileSync(file, text);
    expect(readJournal(file, "another")).toBeUndefined();
    expect(readJournal(join(folder, "none"), "b")).toBeUndefined();
  });

  test.each(["", "\n", "{}\n", "nonsense\n", "[]\nnull\n"])("refuses %j", (text) => {
    writeFileSync(file, text);
    const read = () => readJournal(file, "b");
    if (text === "{}\n" || text.startsWith("[")) expect(read()).toBeUndefined();
    else expect(read).toThrow("did not write");
    journal.begin();
    appendFileSync(file, "nonsense\n");
    expect(read).toThrow("did not write");
  });
});
