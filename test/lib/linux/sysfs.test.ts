import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  listFolder,
  readAttribute,
  readCount,
  readLinkName,
  resolveFolder,
} from "../../../src/lib/linux/sysfs.ts";

test("readAttribute, readCount and the links answer undefined for what is not there, and fail on anything else", () => {
  const root = mkdtempSync(join(tmpdir(), "attr-"));
  try {
    writeFileSync(join(root, "speed"), "25000\n");
    writeFileSync(join(root, "none"), "-1\n");
    writeFileSync(join(root, "word"), "up\n");
    mkdirSync(join(root, "driver"));
    symlinkSync("driver", join(root, "link"));
    symlinkSync("a", join(root, "b"));
    symlinkSync("b", join(root, "a"));
    expect(readAttribute(join(root, "speed"))).toBe("25000");
    expect(readCount(join(root, "speed"))).toBe(25000);
    expect(readCount(join(root, "none"))).toBeUndefined();
    expect(readCount(join(root, "word"))).toBeUndefined();
    expect(readCount(join(root, "absent"))).toBeUndefined();
    expect(readAttribute(join(root, "speed/below"))).toBeUndefined();
    expect(readLinkName(join(root, "link"))).toBe("driver");
    expect(readLinkName(join(root, "speed"))).toBeUndefined();
    expect(resolveFolder(join(root, "absent"))).toBeUndefined();
    expect(listFolder(join(root, "absent"))).toEqual([]);
    expect(() => readAttribute(join(root, "driver"))).toThrow("Cannot read");
    expect(() => resolveFolder(join(root, "a"))).toThrow("Cannot read");
  } finally {
    rmSync(root, { recursive: true });
  }
});
