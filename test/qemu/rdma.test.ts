import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type GuestRun, runInGuest } from "../support/guest.ts";

const file = "./test/qemu/guest/rdma.ts";
/** The cases as the guest's file declares them. */
const names = [
  ...readFileSync(join(import.meta.dir, "guest/rdma.ts"), "utf8").matchAll(
    /^ {2}test\(\s*"([^"]+)"/gm,
  ),
].flatMap(([, name]) => (name === undefined ? [] : [name]));

describe("RDMA under QEMU", () => {
  let guest: GuestRun;
  beforeAll(async () => {
    guest = await runInGuest([file], { seconds: 500, guest: "qemu" });
  }, 600_000);

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
