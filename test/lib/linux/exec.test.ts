import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, runProgram } from "../../../src/lib/linux/exec.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "multinic-exec-"));
  mkdirSync(join(folder, "a/echo"), { recursive: true });
  mkdirSync(join(folder, "b"));
  writeFileSync(join(folder, "b/plain"), "");
  write("b/echo", '#!/bin/sh\necho "$GREETING $(cat)"\nexit 3\n');
  write("b/empty", "#!/no/such/interpreter\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), 0o755);
}

describe("findProgram", () => {
  const folders = () => [join(folder, "none"), join(folder, "a"), join(folder, "b")];

  test("takes the first executable file, past folders that are missing and folders of its name", () => {
    expect(findProgram("echo", folders())).toBe(join(folder, "b/echo"));
  });

  test("names the path searched when there is none", () => {
    expect(() => findProgram("sriov", folders())).toThrow(folders().join(":"));
  });

  test("passes over a file that is not executable, when that says something to this user", () => {
    expect(() => findProgram("plain", folders())).toThrow(/Cannot find the plugin plain/);
  });
});

describe("runProgram", () => {
  test("hands over environment and stdin, and returns stdout and exit code", async () => {
    const env = { GREETING: "hello", PATH: "/usr/bin:/bin" };
    const ran = await runProgram(join(folder, "b/echo"), { env, stdin: "world" });
    expect(ran).toEqual({ exitCode: 3, stdout: "hello world\n" });
  });

  test("says which program cannot be run", async () => {
    const path = join(folder, "b/empty");
    await expect(runProgram(path, { env: {}, stdin: "" })).rejects.toThrow(`Cannot run ${path}`);
  });
});
