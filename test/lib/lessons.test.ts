import { expect, test } from "bun:test";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const text = await Bun.file(join(root, "docs/lessons.md")).text();
const rows = text.split("\n").filter((line) => /^\| [^-#F]/.test(line));
const named = [...text.matchAll(/`(test\/[^`:]+\.ts): ([^`]+)`/g)];

test("docs/lessons.md has a test for each of its lines, and every test that it names is there", async () => {
  expect(rows).toHaveLength(16 + 7);
  for (const row of rows) expect(row).toContain("`test/");
  expect(named.length).toBeGreaterThan(rows.length);
  for (const [, file = "", name = ""] of named) {
    const source = await Bun.file(join(root, file)).text();
    expect(source.includes(name), `${file} has no test "${name}"`).toBe(true);
  }
});
