import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = mkdtempSync(join(tmpdir(), "multinic-install-"));
afterAll(() => rmSync(root, { recursive: true }));
const source = join(import.meta.dir, "../../src/lib/nicd/programs.ts");

/** Installs in a mount namespace of its own, after `prepare` there; returns the condition and what is in the folder then. */
async function installAfter(prepare: string, folder: string) {
  const code = `
    const { CniPrograms } = await import(${JSON.stringify(source)});
    const log = { debug() {}, info() {}, warn() {}, error() {}, with: () => log };
    const program = process.execPath;
    const made = new CniPrograms({ program, folder: ${JSON.stringify(folder)}, hostUsr: "/usr", now: Date.now, log });
    await made.install();
    const entries = require("node:fs").readdirSync(${JSON.stringify(folder)});
    process.stdout.write(JSON.stringify({ ...made.condition, entries }));`;
  const inside = `${prepare} && exec "$0" -e "$1"`;
  const command = ["unshare", "-m", "--propagation", "private", "sh", "-c", inside];
  const child = Bun.spawn([...command, process.execPath, code], { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(err);
  return JSON.parse(out);
}

function folderOf(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  return folder;
}

test("CniPrograms in a read-only folder say so, and how to mend it", async () => {
  const folder = folderOf("read-only");
  const mount = `mount --bind ${folder} ${folder} && mount -o remount,bind,ro ${folder}`;
  expect(await installAfter(mount, folder)).toMatchObject({
    type: "CNIInstalled",
    status: "False",
    reason: "InstallFailed",
    message: expect.stringContaining("the folder is read-only: mount a writable CNI folder"),
    entries: [],
  });
});

test("CniPrograms on a full disk say so, and leave no half-written file", async () => {
  const folder = folderOf("full");
  const mount = `mount -t tmpfs -o size=4m tmpfs ${folder}`;
  expect(await installAfter(mount, folder)).toMatchObject({
    status: "False",
    reason: "InstallFailed",
    message: expect.stringContaining("the disk is full"),
    entries: [],
  });
});

test("CniPrograms without CAP_DAC_OVERRIDE in somebody else's folder name the way out", async () => {
  const folder = folderOf("foreign");
  const give = `chown 4242 ${folder} && chmod 755 ${folder}`;
  const drop = `exec setpriv --bounding-set -all --inh-caps -all "$0" -e "$1"`;
  const condition = await installAfter(`${give} && ${drop}`, folder);
  expect(condition.message).toContain("nicd runs as root without CAP_DAC_OVERRIDE");
});
