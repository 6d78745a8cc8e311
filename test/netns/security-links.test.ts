import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, installPrograms } from "../../src/lib/nicd/install.ts";
import { writeTableNames } from "../../src/lib/nicd/rtnames.ts";
import { writeTombstone } from "../../src/lib/node/tombstone.ts";
import { macvlanConfig } from "../support/cni.ts";
import { expectError } from "../support/conformance.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";

const able = kernelHas("macvlan");
let nicd: LiveNicd;
let pod: Scratch;
let root: string;
/** What every link planted below leads to. */
let victim: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "multinic-links-"));
  victim = join(root, "victim");
  writeFileSync(victim, "precious");
  if (!able) return;
  nicd = await liveNicd("links");
  pod = scratch("links");
});
afterAll(async () => {
  pod?.[Symbol.dispose]();
  await nicd?.[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

const deep = { recursive: true } as const;
const expectVictim = () => expect(readFileSync(victim, "utf8")).toBe("precious");
const add = (env: Record<string, string>) =>
  nicd.call({ command: "ADD", netns: pod.netns.path, config: macvlanConfig(), env });

describe.if(able)("the CNI program", () => {
  test.each<[string, (folder: string) => void]>([
    ["is a link to a folder of another's", (run) => symlinkSync(join(root, "elsewhere"), run)],
    ["belongs to another user", (run) => chownSync(mkdirSync(run, deep) ?? run, 65534, 65534)],
    ["everybody may write to", (run) => chmodSync(mkdirSync(run, deep) ?? run, 0o777)],
  ])("asks no nicd in a folder that %s", async (_, plant) => {
    const elsewhere = join(root, "elsewhere");
    rmSync(elsewhere, { recursive: true, force: true });
    mkdirSync(elsewhere);
    const run = mkdtempSync(join(root, "case-"));
    rmSync(run, { recursive: true });
    plant(run);
    let asked = 0;
    using impostor = Bun.serve({
      unix: join(run, "nicd.sock"),
      fetch: () => {
        asked++;
        return Response.json({ interfaces: [], reason: "impostor" });
      },
    });
    expectError(
      await add({ MULTINIC_RUN_DIR: run }),
      110,
      /no folder that only this user can change/,
    );
    expect(asked).toBe(0);
    expect(readdirSync(elsewhere).filter((name) => name !== "nicd.sock")).toEqual([]);
    expect(impostor.url.protocol).toContain("unix");
  });

  test("follows no link in place of a lock", async () => {
    const run = join(root, "locks-planted");
    mkdirSync(join(run, "locks"), { recursive: true, mode: 0o700 });
    for (const slot of [0, 1])
      symlinkSync(join(root, `made-${slot}`), join(run, `locks/slot-${slot}`));
    expect((await add({ MULTINIC_RUN_DIR: run })).exitCode).toBe(1);
    expect(readdirSync(root).filter((name) => name.startsWith("made-"))).toEqual([]);
  });
});

describe("a tombstone", () => {
  const key = { network: "net", containerID: "c1", ifname: "net1" };

  test("is written into no file that a link or a second name leads to", () => {
    const folder = join(root, "tombstones");
    writeTombstone(folder, { key, at: 1 });
    const [name = ""] = readdirSync(folder);
    const draft = join(folder, `.${name.replace(".json", "")}.${process.pid}`);
    for (const plant of [symlinkSync, linkSync]) {
      plant(victim, draft);
      rmSync(join(folder, name));
      plant(victim, join(folder, name));
      writeTombstone(folder, { key, at: 2 });
      expect(lstatSync(join(folder, name)).nlink).toBe(1);
      expect(JSON.parse(readFileSync(join(folder, name), "utf8"))).toEqual({ key, at: 2 });
      expectVictim();
    }
  });
});

describe("the file of table names", () => {
  test("is written into no file that a link or a second name leads to", () => {
    const etc = join(root, "iproute2");
    mkdirSync(join(etc, "rt_tables.d"), { recursive: true });
    const file = join(etc, "rt_tables.d/multinic.conf");
    for (const [i, plant] of [symlinkSync, linkSync].entries()) {
      rmSync(file, { force: true });
      plant(victim, `${file}.new`);
      plant(victim, file);
      writeTableNames(etc, [{ id: 30_000 + i, name: "net" }]);
      expect(readFileSync(file, "utf8")).toContain(`${30_000 + i}\tnet`);
      expect(lstatSync(file).isFile()).toBe(true);
      expectVictim();
    }
  });
});

describe("the CNI folder", () => {
  const program = () => {
    const path = join(root, "program");
    writeFileSync(path, "our program");
    return path;
  };
  const names = ["multi-nic", "multi-nic-ipam", "aws-ipvlan", "multinic"];

  test("with links and second names in place of every name of ours gets files of our own, and what they lead to stays", async () => {
    const folder = join(root, "cni-planted");
    mkdirSync(folder);
    const digest = await digestOf(program());
    const version = `multinic-${digest.slice(0, 16)}`;
    for (const plant of [symlinkSync, linkSync]) {
      for (const name of [...names, version]) {
        rmSync(join(folder, name), { force: true });
        plant(victim, join(folder, name));
      }
      await installPrograms({ program: program(), folder, now: Date.now }, digest);
      expect(readFileSync(join(folder, "multi-nic"), "utf8")).toBe("our program");
      expect(lstatSync(join(folder, version))).toMatchObject({ uid: 0, nlink: 1 });
      expectVictim();
    }
  });

  test("with our very program in it that another user owns, or that has a second name, gets one of our own", async () => {
    const folder = join(root, "cni-owned");
    mkdirSync(folder);
    const digest = await digestOf(program());
    const version = join(folder, `multinic-${digest.slice(0, 16)}`);
    const plants = [
      () => chownSync(version, 65534, 65534),
      () => linkSync(version, join(root, "second-name")),
    ];
    for (const plant of plants) {
      writeFileSync(version, "our program", { mode: 0o755 });
      chmodSync(version, 0o755);
      plant();
      await installPrograms({ program: program(), folder, now: Date.now }, digest);
      expect(lstatSync(version)).toMatchObject({ uid: 0, nlink: 1 });
      rmSync(version);
    }
  });

  test("in which another process swaps our names for links while we install ends with our program, and what they lead to stays", async () => {
    const folder = join(root, "cni-raced");
    mkdirSync(folder);
    const digest = await digestOf(program());
    const version = `multinic-${digest.slice(0, 16)}`;
    const code = `
      const fs = require("node:fs");
      const [folder, victim, ...names] = process.argv.slice(1);
      console.log("racing");
      for (let i = 0; i < 4000; i++) for (const name of names) try {
        fs.symlinkSync(victim, folder + "/.evil"); fs.renameSync(folder + "/.evil", folder + "/" + name);
        for (const seen of fs.readdirSync(folder)) if (seen.endsWith(".tmp")) { fs.rmSync(folder + "/" + seen); fs.symlinkSync(victim, folder + "/" + seen); }
      } catch {}`;
    const racer = Bun.spawn([process.execPath, "-e", code, folder, victim, ...names, version], {
      stdout: "pipe",
    });
    const racing = racer.stdout.getReader();
    await racing.read();
    let raced = 0;
    while (racer.exitCode === null) {
      // An install that loses the race says so; it must not write through what was put in its way.
      await installPrograms({ program: program(), folder, now: Date.now }, digest).catch(
        () => raced++,
      );
      expectVictim();
    }
    rmSync(join(folder, ".evil"), { force: true });
    await installPrograms({ program: program(), folder, now: Date.now }, digest);
    expect(readFileSync(join(folder, "multi-nic"), "utf8")).toBe("our program");
    expectVictim();
    expect(lstatSync(victim).mode & 0o7777).toBe(0o644);
  });
});

describe.if(able)("nicd", () => {
  test("that finds its record swapped for a link while it was away does not start, and what it leads to stays", async () => {
    await nicd.stop();
    const file = join(nicd.folder, "state/state.db");
    renameSync(file, `${file}.kept`);
    symlinkSync(victim, file);
    const { code, log } = await nicd.startIn(nicd.folder);
    expect([code, log]).toEqual([1, expect.stringContaining("state.db in it is a symbolic link")]);
    expectVictim();
    rmSync(file);
    renameSync(`${file}.kept`, file);
    await nicd.start();
  });
});
