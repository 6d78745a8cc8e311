import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type GuestRun, runInGuest } from "../support/guest.ts";
import { ownPlanes } from "./guest/networks.ts";

const scenario = "./test/uml/guest/scenario.ts";
/** The cases as the scenario declares them; those in its loop carry names of networks. */
const names = [
  ...readFileSync(join(import.meta.dir, "guest/scenario.ts"), "utf8").matchAll(
    /^ {2}test\("([^"]+)"/gm,
  ),
].flatMap(([, name]) => (name === undefined ? [] : [name]));
const meshes = ownPlanes.map(
  (one) => `pods reach each other over ${one.kind} ${one.mode} on ${one.master}`,
);

describe("multinic in User-Mode Linux", () => {
  let guest: GuestRun;
  beforeAll(async () => {
    guest = await runInGuest([scenario], { seconds: 540 });
  }, 600_000);

  test("runs every case of the scenario, and none fails", () => {
    expect(guest.cases.map((one) => one.name).sort()).toEqual([...names, ...meshes].sort());
    if (guest.exitCode !== 0) throw new Error(guest.said);
  });

  for (const name of [...names, ...meshes]) {
    test(`passes: ${name}`, () => {
      expect(guest.cases.filter((one) => one.name === name)).toEqual([
        { name, skipped: false, failed: false },
      ]);
    });
  }
});
