import { expect, test } from "bun:test";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const text = await Bun.file(join(root, "docs/security.md")).text();
const attacks = text.slice(text.indexOf("## Attacks"), text.indexOf("## What the environment"));
const rows = attacks.split("\n").filter((line) => /^\| (?!attack |---)/.test(line));

test("docs/security.md has a test for each attack, and every test that it names is there", async () => {
  expect(rows.length).toBeGreaterThan(15);
  for (const row of rows) expect(row).toContain("`test/");
  const named = [...attacks.matchAll(/`(test\/[^`:]+\.ts): ([^`]+)`/g)];
  expect(named.length).toBeGreaterThan(rows.length);
  for (const [, file = "", name = ""] of named) {
    const source = await Bun.file(join(root, file)).text();
    // A table's sentences may be put together: `%s is refused …`.
    const found = source.includes(name) || source.includes(name.replaceAll("'", "\\'"));
    expect(found, `${file} has no test "${name}"`).toBe(true);
  }
});
