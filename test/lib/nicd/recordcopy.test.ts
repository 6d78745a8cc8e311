import { expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openRecordCopy } from "../../../src/lib/nicd/recordcopy.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";
import { tempFolder } from "../../support/tempfolder.ts";

type Copy = Parameters<typeof openRecordCopy>[2];

function containers(file: string, folder: string, copy?: Copy): string[] {
  using db = openRecordCopy(file, folder, copy);
  return db
    .query<{ id: string }, []>("SELECT container_id AS id FROM attachments ORDER BY attachments.id")
    .all()
    .map(({ id }) => id);
}

test("openRecordCopy reads a record that its owner has open, what is only in its log too, and leaves no file", () => {
  using node = testNode();
  using at = tempFolder("copy");
  node.attachments.attach(attachRequest("c1"));
  expect(statSync(`${node.file}-wal`).size).toBeGreaterThan(0);
  const before = readdirSync(node.folder).sort();
  expect(containers(node.file, at.path)).toEqual(["c1"]);
  node.attachments.attach(attachRequest("c2"));
  expect(containers(node.file, at.path)).toEqual(["c1", "c2"]);
  expect(readdirSync(at.path)).toEqual([]);
  expect(readdirSync(node.folder).sort()).toEqual(before);
});

test("openRecordCopy reads a record that was closed, and none that is damaged, and leaves no file of either", () => {
  using node = testNode();
  using at = tempFolder("copy");
  node.attachments.attach(attachRequest("c1"));
  node.store.close();
  expect(existsSync(`${node.file}-wal`)).toBe(false);
  expect(containers(node.file, at.path)).toEqual(["c1"]);
  const harmed = join(node.folder, "harmed");
  copyFileSync(node.file, harmed);
  writeFileSync(harmed, "no database at all, and long enough to be taken for one".repeat(99));
  expect(() => openRecordCopy(harmed, at.path)).toThrow("not a database");
  expect(readdirSync(at.path)).toEqual([]);
});

test("openRecordCopy begins again when the log was begun again between its two files, and gives up when it always is", () => {
  using node = testNode();
  using at = tempFolder("copy");
  let pod = 0;
  const comeAndGo = () => {
    const request = attachRequest(`c${pod++}`);
    node.attachments.attach(request);
    node.attachments.detach(request);
  };
  const salts = () => readFileSync(`${node.file}-wal`).subarray(16, 24).toString("hex");
  /** Until the log was checkpointed and begun again: what stays is in neither file as it was. */
  const turnOver = () => {
    const before = salts();
    while (salts() === before) comeAndGo();
  };
  let turns = 1;
  const copy = (from: string, to: string) => {
    copyFileSync(from, to);
    if (from !== node.file || turns-- <= 0) return;
    turnOver();
    node.attachments.attach(attachRequest("kept"));
  };
  turnOver();
  expect(containers(node.file, at.path, copy)).toEqual(["kept"]);
  turns = 99;
  expect(() => openRecordCopy(node.file, at.path, copy)).toThrow("it changed each of 5 times");
  expect(readdirSync(at.path)).toEqual([]);
});

test("openRecordCopy of a record that another process writes all the time has each commit that was answered, and none by half", async () => {
  using at = tempFolder("copy");
  const stay = 40;
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "../../support/committer.ts"), at.path, String(stay)],
    { stdout: "pipe", stderr: "inherit" },
  );
  let rest = "";
  let copies = 0;
  for await (const chunk of child.stdout) {
    const lines = (rest + new TextDecoder().decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    const answered = numberOf(lines.at(-1) ?? "c-1");
    const found = containers(join(at.path, "state.db"), at.path).map(numberOf);
    const [first = 0] = found;
    expect(found).toEqual(found.map((_, i) => first + i));
    expect(found.at(-1) ?? -1).toBeGreaterThanOrEqual(answered);
    expect(found.length).toBeLessThanOrEqual(stay + 1);
    if (++copies === 60) child.kill("SIGKILL");
    if (copies >= 60) break;
  }
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
});

const numberOf = (container: string) => Number(container.slice(1));
