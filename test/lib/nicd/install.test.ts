import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../../src/lib/errors.ts";
import { digestOf, installPrograms, removePrograms } from "../../../src/lib/nicd/install.ts";
import { versionName } from "../../../src/lib/plan/cniprograms.ts";

let root: string;
let folder: string;
let now: number;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "multinic-install-"));
  folder = join(root, "cni");
  mkdirSync(folder);
  now = Date.now();
});
afterEach(() => rmSync(root, { recursive: true }));

/** A build: the text is what tells one from another. 3 MB, so that it is more than one chunk. */
function build(text: string): string {
  const path = join(root, `build-${text}`);
  writeFileSync(path, text.repeat(3_000_000 / text.length));
  return path;
}
async function install(program: string) {
  const digest = await digestOf(program);
  const done = await installPrograms({ program, folder, now: () => now }, digest);
  return { ...done, digest };
}
const remove = () => removePrograms({ program: "", folder, now: () => now });
const at = (name: string) => join(folder, name);
const versions = () => readdirSync(folder).filter((name) => name.startsWith("multinic-"));

describe("installPrograms", () => {
  test("puts the program and relative links into an empty folder", async () => {
    const program = build("one");
    const { version, changed, digest } = await install(program);
    expect(changed).toBe(true);
    expect(version).toBe(versionName(digest));
    expect(readdirSync(folder).sort()).toEqual(
      ["aws-ipvlan", "multi-nic", "multi-nic-ipam", "multinic", version].sort(),
    );
    expect(readlinkSync(at("multi-nic"))).toBe("multinic");
    expect(readlinkSync(at("multinic"))).toBe(version);
    expect(readFileSync(at("aws-ipvlan")).equals(readFileSync(program))).toBe(true);
    expect(lstatSync(at(version)).mode & 0o7777).toBe(0o755);
  });

  test("leaves a folder that is in order untouched", async () => {
    const program = build("one");
    const { version } = await install(program);
    const before = lstatSync(at(version), { bigint: true });
    expect((await install(program)).changed).toBe(false);
    expect(lstatSync(at(version), { bigint: true }).ctimeNs).toBe(before.ctimeNs);
  });

  test("keeps the replaced version for ten minutes, then removes it", async () => {
    const first = await install(build("one"));
    const second = await install(build("two"));
    expect(readlinkSync(at("multinic"))).toBe(second.version);
    expect(versions().sort()).toEqual([first.version, second.version].sort());
    now += 9 * 60_000;
    await install(build("two"));
    expect(versions()).toContain(first.version);
    now += 2 * 60_000;
    await install(build("two"));
    expect(versions()).toEqual([second.version]);
  });

  test("never removes a version that a process runs", async () => {
    const sleeper = join(root, "sleeper");
    copyFileSync("/bin/sleep", sleeper);
    const first = await install(sleeper);
    const running = Bun.spawn([at("multi-nic"), "60"], { stdout: "ignore", stderr: "ignore" });
    try {
      await install(build("two"));
      now += 3_600_000;
      await install(build("two"));
      expect(versions()).toContain(first.version);
    } finally {
      running.kill("SIGKILL");
      await running.exited;
    }
    await install(build("two"));
    expect(versions()).not.toContain(first.version);
  });

  test.each([
    ["shorter", (path: string) => writeFileSync(path, "half")],
    ["not for everybody to run", (path: string) => chmodSync(path, 0o700)],
    ["a set-uid file", (path: string) => chmodSync(path, 0o4755)],
  ])("replaces a version that is %s", async (_, spoil) => {
    const { version } = await install(build("one"));
    spoil(at(version));
    expect((await install(build("one"))).changed).toBe(true);
    expect(readFileSync(at("multi-nic")).equals(readFileSync(build("one")))).toBe(true);
    expect(lstatSync(at(version)).mode & 0o7777).toBe(0o755);
  });

  test("clears what an interrupted install left", async () => {
    writeFileSync(at(".multinic-1.tmp"), "half");
    symlinkSync("multinic-0", at(".multinic-2.tmp"));
    await install(build("one"));
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("replaces v1.3's programs and leaves everybody else's", async () => {
    for (const name of ["multi-nic", "multi-nic-ipam", "aws-ipvlan", "bridge"]) {
      writeFileSync(at(name), `v1.3 ${name}`);
    }
    await install(build("one"));
    expect(readlinkSync(at("multi-nic-ipam"))).toBe("multinic");
    expect(readFileSync(at("bridge"), "utf8")).toBe("v1.3 bridge");
  });

  test("never writes through a link that leads out of the folder", async () => {
    const victim = join(root, "victim");
    writeFileSync(victim, "precious");
    chmodSync(victim, 0o600);
    const program = build("one");
    const version = versionName(await digestOf(program));
    for (const name of [version, "multinic", "multi-nic", "aws-ipvlan"]) {
      symlinkSync("../victim", at(name));
    }
    await install(program);
    expect(readFileSync(victim, "utf8")).toBe("precious");
    expect(lstatSync(victim).mode & 0o7777).toBe(0o600);
    expect(lstatSync(at(version)).isFile()).toBe(true);
    expect(readlinkSync(at("aws-ipvlan"))).toBe("multinic");
  });

  test("does not take a link to an equal file for the file", async () => {
    const program = build("one");
    const version = versionName(await digestOf(program));
    symlinkSync(program, at(version));
    await install(program);
    expect(lstatSync(at(version)).isFile()).toBe(true);
    expect(existsSync(program)).toBe(true);
  });

  test("removes a retired version's link, not what it leads to", async () => {
    const victim = join(root, "victim");
    writeFileSync(victim, "precious");
    utimesSync(victim, 0, 0);
    symlinkSync("../victim", at(versionName("0".repeat(64))));
    await install(build("one"));
    expect(versions()).toHaveLength(1);
    expect(readFileSync(victim, "utf8")).toBe("precious");
  });

  test("says what to do when a folder has a program's name, and changes nothing else", async () => {
    mkdirSync(at("multi-nic"));
    const failure = await install(build("one")).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      message: expect.stringContaining("a folder has the name: remove it"),
    });
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
    rmSync(at("multi-nic"), { recursive: true });
    await install(build("one"));
    expect(readlinkSync(at("multi-nic"))).toBe("multinic");
  });

  test("says which folder is missing", async () => {
    rmSync(folder, { recursive: true });
    const failure = await install(build("one")).catch((error: unknown) => error);
    expect(codeOf(failure)).toBe("ENOENT");
    expect(String(failure)).toContain(`Cannot read ${folder}: the folder is missing`);
  });
});

describe("removePrograms", () => {
  test("takes all of ours away, and only that", async () => {
    await install(build("one"));
    await install(build("two"));
    writeFileSync(at("bridge"), "x");
    writeFileSync(at(".multinic-9.tmp"), "half");
    await remove();
    expect(readdirSync(folder)).toEqual(["bridge"]);
    expect(await remove()).toEqual([]);
  });
});
