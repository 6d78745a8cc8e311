import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { explain } from "../../../src/lib/errors.ts";
import { isLabFolder, lastWords, removeFolder, takeFolder } from "../../../src/lib/lab/folder.ts";

function scratch() {
  const at = mkdtempSync(join(tmpdir(), "multinic-folder-"));
  return { at, dir: join(at, "lab"), [Symbol.dispose]: () => rmSync(at, { recursive: true }) };
}

function refusal(dir: string): string {
  try {
    takeFolder(dir);
    return "taken";
  } catch (error) {
    return explain(error);
  }
}

test("takeFolder makes a folder for its owner alone, and takes an empty one", () => {
  using folder = scratch();
  takeFolder(folder.dir);
  expect(statSync(folder.dir).mode & 0o777).toBe(0o700);
  expect(isLabFolder(folder.dir)).toBe(true);
  const empty = join(folder.at, "empty");
  mkdirSync(empty);
  takeFolder(empty);
  expect(isLabFolder(empty)).toBe(true);
});

test("takeFolder empties a folder that a lab left", () => {
  using folder = scratch();
  takeFolder(folder.dir);
  writeFileSync(join(folder.dir, "host1-nicd.log"), "old");
  takeFolder(folder.dir);
  expect(readdirSync(folder.dir)).toEqual([".multinic-lab"]);
});

test("takeFolder refuses a file and a folder with somebody's files; removeFolder leaves them", () => {
  using folder = scratch();
  const file = join(folder.at, "file");
  writeFileSync(file, "");
  expect(refusal(file)).toContain("it is not a folder");
  mkdirSync(folder.dir);
  writeFileSync(join(folder.dir, "thesis.txt"), "");
  expect(refusal(folder.dir)).toContain("it holds files that are no lab's");
  removeFolder(folder.dir);
  expect(existsSync(join(folder.dir, "thesis.txt"))).toBe(true);
});

test("lastWords gives the last lines of each log, by name", () => {
  using folder = scratch();
  expect(lastWords(folder.dir)).toEqual([]);
  takeFolder(folder.dir);
  writeFileSync(
    join(folder.dir, "b.log"),
    Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join(""),
  );
  writeFileSync(join(folder.dir, "a.log"), "only\n");
  writeFileSync(join(folder.dir, "empty.log"), "");
  const words = lastWords(folder.dir);
  expect(words.slice(0, 3)).toEqual(["a.log:", "  only", "b.log:"]);
  expect(words.slice(3)).toEqual(Array.from({ length: 8 }, (_, i) => `  line ${i + 12}`));
});
