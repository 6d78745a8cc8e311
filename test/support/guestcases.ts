import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type GuestRun, runInGuest } from "./guest.ts";

const root = join(import.meta.dir, "../..");

/** A test file that runs in a guest, from the project's folder: `./test/uml/guest/paths.ts`. */
export interface GuestFile {
  readonly file: string;
  readonly seconds: number;
  readonly guest?: "uml" | "qemu";
  /** Names of cases that the file declares in a loop. */
  readonly more?: readonly string[];
}

/** Declares a test for each case that a guest's file declares, after one run of that file in its guest. */
export function guestCases({ file, more = [], ...limits }: GuestFile): void {
  const names = [...declared(file), ...more];
  let guest: GuestRun;
  beforeAll(
    async () => {
      guest = await runInGuest([file], limits);
    },
    limits.seconds * 1000 + 100_000,
  );

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
}

/** Names of the cases as the file declares them; those in loops are not among them. */
function declared(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^ {2}test\(\s*"([^"]+)"/gm)].flatMap(([, name]) =>
    name === undefined ? [] : [name],
  );
}
