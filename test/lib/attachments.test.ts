import { expect, test } from "bun:test";
import { join } from "node:path";
import { matrix, nameOf } from "../support/attachmentcells.ts";

const root = join(import.meta.dir, "../..");
const text = await Bun.file(join(root, "docs/attachments.md")).text();
const rows = text
  .split("\n")
  .filter((line) => /^\| (?!Kind|What|---)/.test(line) && !line.startsWith("|--"));
const named = [...text.matchAll(/`(test\/[^`:]+\.ts): ([^`]+)`/g)];
const generated = new Map<string, string[]>(
  Object.entries(matrix).map(([file, cells]) => [file, cells.map(nameOf)]),
);

test("docs/attachments.md names a test in each of its cells, and every test that it names is there", async () => {
  for (const row of rows) {
    const columns = row.slice(2, -2).split(" | ");
    expect([3, 5, 6], row).toContain(columns.length);
    // Between what it is and how it ran; of kinds the IPAM too.
    const cells = columns.slice(columns.length === 6 ? 2 : 1, -1);
    for (const cell of cells) expect(cell, row).toMatch(/^(`test\/.*`|—)$/);
    expect(row).toContain("`test/");
  }
  for (const [, file = "", name = ""] of named) {
    if (generated.get(file)?.includes(name)) continue;
    const source = await Bun.file(join(root, file)).text();
    expect(source.includes(name), `${file} has no test "${name}"`).toBe(true);
  }
});

test("docs/attachments.md shows every cell that is run", () => {
  for (const [file, names] of generated) {
    for (const name of names) expect(text).toContain(`\`${file}: ${name}\``);
  }
});
