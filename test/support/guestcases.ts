import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type GuestRun, runInGuest } from "./guest.ts";

const root = join(import.meta.dir, "../..");

/** Test files that run in one guest, from the project's folder: `./test/uml/guest/paths.ts`. */
export interface GuestFiles {
  readonly files: readonly string[];
  readonly seconds: number;
  readonly guest?: "uml" | "qemu";
  /** Names of cases that a file declares in a loop. */
  readonly more?: readonly string[];
}

/** Declares a test for each case that the files declare, after one run of them in their guest. */
export function guestCases({ files, more = [], ...limits }: GuestFiles): void {
  const names = [...files.flatMap(declared), ...more];
  let guest: GuestRun;
  beforeAll(
    async () => {
      guest = await runInGuest(files, limits);
    },
    limits.seconds * 1000 + 100_000,
  );

  test("runs every case, and none fails", () => {
    if (guest.exitCode !== 0) throw new Error(guest.said);
    expect(guest.cases.map((one) => one.name).sort()).toEqual([...names].sort());
  });

  for (const name of names) {
    test(`passes: ${name}`, () => {
      expect(guest.cases.filter((one) => one.name === name)).toEqual([
        { name, skipped: false, failed: false },
      ]);
    });
  }
}

/** Names of the cases as a file declares them; those in loops are not among them. */
function declared(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^ {2}test\(\s*"([^"]+)"/gm)].flatMap(([, name]) =>
    name === undefined ? [] : [name],
  );
}
