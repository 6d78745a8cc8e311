import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type GuestRun, runInGuest } from "../support/guest.ts";

const file = "./test/uml/guest/paths.ts";
const names = [
  ...readFileSync(join(import.meta.dir, "guest/paths.ts"), "utf8").matchAll(
    /^ {2}test\("([^"]+)"/gm,
  ),
].flatMap(([, name]) => (name === undefined ? [] : [name]));

describe("rails, hostAccess and sourceRouting in User-Mode Linux", () => {
  let guest: GuestRun;
  beforeAll(async () => {
    guest = await runInGuest([file], { seconds: 300 });
  }, 360_000);

  test("runs every case, and none fails", () => {
    expect(guest.cases.map((one) => one.name).sort()).toEqual([...names].sort());
    if (guest.exitCode !== 0) throw new Error(guest.said);
  });

  for (const name of names) {
    test(`passes: ${name}`, () => {
      expect(guest.cases.filter((one) => one.name === name)).toEqual([
        { name, skipped: false, failed: false },
      ]);
    });
  }
});
