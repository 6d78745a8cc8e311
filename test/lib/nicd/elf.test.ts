import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostHasLoader, interpreterOf } from "../../../src/lib/nicd/elf.ts";

const loader = "/lib64/ld-linux-x86-64.so.2";
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "multinic-elf-"));
});
afterAll(() => rmSync(root, { recursive: true }));

/** An ELF64 program with one program header of `type` whose segment holds `text`. */
function elf(text: string, type = 3): Buffer {
  const bytes = Buffer.alloc(64 + 56 + text.length + 1);
  bytes.write("\x7fELF\x02\x01\x01", "latin1");
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  bytes.writeUInt32LE(type, 64);
  bytes.writeBigUInt64LE(120n, 72);
  bytes.writeBigUInt64LE(BigInt(text.length + 1), 96);
  bytes.write(text, 120, "latin1");
  return bytes;
}
/** A host's /usr with these files. */
function usr(name: string, files: Record<string, Buffer | string>): string {
  const folder = join(root, name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    if (content === "link") symlinkSync("/nowhere", join(folder, path));
    else writeFileSync(join(folder, path), content);
  }
  mkdirSync(folder, { recursive: true });
  return folder;
}

describe("interpreterOf", () => {
  test.each<[string, Buffer | string, string | undefined]>([
    ["a dynamic program", elf(loader), loader],
    ["a program of another loader", elf("/lib/ld-musl-x86_64.so.1"), "/lib/ld-musl-x86_64.so.1"],
    ["a static program", elf("x", 1), undefined],
    ["a script", "#!/bin/sh\n", undefined],
    ["an empty file", "", undefined],
    ["a cut header", elf(loader).subarray(0, 40), undefined],
    ["a cut table", elf(loader).subarray(0, 90), undefined],
  ])("of %s", (_, content, wanted) => {
    const path = join(root, "program");
    writeFileSync(path, content);
    expect(interpreterOf(path)).toBe(wanted);
  });

  test("of the program that runs this test is a loader that this machine has", () => {
    const found = interpreterOf(process.execPath);
    expect(found).toStartWith("/");
    expect(hostHasLoader("/usr", found ?? "")).toBe(true);
  });
});

describe("hostHasLoader", () => {
  test.each<[string, Record<string, Buffer | string>, boolean]>([
    ["a merged host", { "lib64/ld-linux-x86-64.so.2": "x" }, true],
    ["a merged host whose loader is a link", { "lib64/ld-linux-x86-64.so.2": "link" }, true],
    ["a host with /lib64 of its own", { "bin/bash": elf(loader) }, true],
    ["a musl host", { "bin/busybox": elf("/lib/ld-musl-x86_64.so.1"), "bin/sh": "link" }, false],
    ["a host of static programs", { "bin/init": elf("x", 1), "sbin/script": "#!" }, false],
    ["a bare host", {}, false],
  ])("%s", (name, files, wanted) => {
    expect(hostHasLoader(usr(name, files), loader)).toBe(wanted);
  });
});
