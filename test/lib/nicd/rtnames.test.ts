import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readTableNames, writeTableNames } from "../../../src/lib/nicd/rtnames.ts";

const etc = mkdtempSync(join(tmpdir(), "rt-"));
const own = join(etc, "rt_tables.d/multinic.conf");
afterAll(() => rmSync(etc, { recursive: true }));
beforeEach(() => {
  rmSync(etc, { recursive: true, force: true });
  mkdirSync(etc);
});

describe("writeTableNames", () => {
  test("writes one file of its own, only when something changed, and takes it away with the last name", () => {
    const names = [{ id: 30000, name: "ipvlan-l3" }];
    expect(writeTableNames(etc, names)).toBe(true);
    expect(readFileSync(own, "utf8")).toBe("# written by multinic\n30000\tipvlan-l3\n");
    expect(writeTableNames(etc, names)).toBe(false);
    expect(readdirSync(join(etc, "rt_tables.d"))).toEqual(["multinic.conf"]);
    expect(writeTableNames(etc, [])).toBe(true);
    expect(readdirSync(join(etc, "rt_tables.d"))).toEqual([]);
    expect(writeTableNames(etc, [])).toBe(false);
  });

  test("leaves every other file alone and does nothing without a folder", () => {
    mkdirSync(join(etc, "rt_tables.d"));
    writeFileSync(join(etc, "rt_tables"), "255\tlocal\n");
    writeFileSync(join(etc, "rt_tables.d/site.conf"), "7 site\n");
    writeTableNames(etc, [{ id: 30000, name: "a" }]);
    writeTableNames(etc, []);
    expect(readFileSync(join(etc, "rt_tables"), "utf8")).toBe("255\tlocal\n");
    expect(readFileSync(join(etc, "rt_tables.d/site.conf"), "utf8")).toBe("7 site\n");
    expect(writeTableNames("", [{ id: 30000, name: "a" }])).toBe(false);
  });

  test("leaves out names that ip would read as something else", () => {
    const names = ["main", "100", "0x10", "a"].map((name, i) => ({ id: 30000 + i, name }));
    writeTableNames(etc, names);
    expect(readFileSync(own, "utf8")).toBe("# written by multinic\n30003\ta\n");
  });

  test("fails with the path when the folder cannot be written", () => {
    writeFileSync(join(etc, "rt_tables.d"), "a file where a folder should be");
    expect(() => writeTableNames(etc, [{ id: 30000, name: "a" }])).toThrow(own);
  });
});

describe("readTableNames", () => {
  test("reads rt_tables and every .conf beside it but our own, decimal and hexadecimal", () => {
    mkdirSync(join(etc, "rt_tables.d"));
    writeFileSync(join(etc, "rt_tables"), "#\n# reserved values\n255\tlocal\n100\tnet-a\n# 7 no\n");
    writeFileSync(
      join(etc, "rt_tables.d/site.conf"),
      "0x10 hex # comment\n  12   spaced\nbad line\n",
    );
    writeFileSync(join(etc, "rt_tables.d/README"), "9 readme\n");
    writeFileSync(own, "30000\tnet-b\n");
    expect(readTableNames(etc)).toEqual([
      { id: 255, name: "local" },
      { id: 100, name: "net-a" },
      { id: 16, name: "hex" },
      { id: 12, name: "spaced" },
    ]);
  });

  test("finds nothing where there is nothing", () => {
    expect(readTableNames(etc)).toEqual([]);
    expect(readTableNames("")).toEqual([]);
  });
});
