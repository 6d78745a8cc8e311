import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../../src/lib/api/kinds.ts";
import { runController } from "../../../src/lib/kube/controller.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { createLeaving } from "../../../src/lib/nicd/leaving.ts";
import { CniPrograms } from "../../../src/lib/nicd/programs.ts";
import { programsWork } from "../../../src/lib/nicd/programswork.ts";
import { attachRequest, type TestNode, testNode } from "../../support/attachments.ts";
import { ownConfig } from "../../support/objects.ts";

let root: string;
let folder: string;
let program: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "multinic-programs-"));
  folder = join(root, "cni");
  mkdirSync(folder);
  program = join(root, "program");
  // A dynamic program, so that its loader is looked for.
  copyFileSync("/bin/sleep", program);
});
afterEach(() => rmSync(root, { recursive: true }));

function programs(hostUsr?: string): CniPrograms {
  return new CniPrograms({ program, folder, hostUsr, now: Date.now, log: silentLog });
}

describe("CniPrograms", () => {
  test("say in a condition and to /readyz what the host has", async () => {
    const made = programs("/usr");
    expect(made.condition).toMatchObject({ type: "CNIInstalled", status: "Unknown" });
    expect(made.settled).toBe("Starting: not looked at yet");
    expect(await made.install()).toBe(true);
    expect(made.condition).toMatchObject({ status: "True", reason: "Installed" });
    expect([made.settled, made.installed]).toEqual([true, true]);
    expect(await made.remove()).toBe(true);
    expect(made.condition).toMatchObject({ status: "False", reason: "Removed" });
    // A host that was cleaned is as it should be: its nicd must not look dead.
    expect([made.settled, made.installed]).toEqual([true, false]);
  });

  test("install nothing on a host without the loader, and name it", async () => {
    const usr = join(root, "usr");
    mkdirSync(usr);
    const made = programs(usr);
    expect(await made.install()).toBe(false);
    expect(made.condition).toMatchObject({ status: "False", reason: "LoaderMissing" });
    expect(made.condition.message).toMatch(
      /^this host has no \/lib\S*ld-linux\S+, the glibc loader/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test("say why they could not be installed, and are when the reason is gone", async () => {
    rmSync(folder, { recursive: true });
    const made = programs();
    expect(await made.install()).toBe(false);
    expect(made.settled).toStartWith(`InstallFailed: Cannot read ${folder}: the folder is missing`);
    mkdirSync(folder);
    expect(await made.install()).toBe(true);
  });

  test("come back when somebody removes or overwrites one", async () => {
    const made = programs();
    await made.install();
    rmSync(join(folder, "multi-nic"));
    const version = readlinkSync(join(folder, "multinic"));
    writeFileSync(join(folder, version), "spoilt");
    expect(await made.install()).toBe(true);
    expect(readlinkSync(join(folder, "multi-nic"))).toBe("multinic");
    const child = Bun.spawnSync([join(folder, "multi-nic"), "0"]);
    expect(child.exitCode).toBe(0);
  });
});

/** A store of Configs that a test fills. */
function configStore() {
  const listeners = new Set<(before: Config | undefined, after: Config | undefined) => void>();
  let items: Config[] = [];
  return {
    synced: false,
    get: () => items[0],
    list: () => items,
    ready: () => new Promise<void>(() => {}),
    onChange(listener: (before: Config | undefined, after: Config | undefined) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    set(next: Config[]) {
      items = next;
      this.synced = true;
      for (const listener of listeners) listener(undefined, next[0]);
    },
  };
}
const going = (): Config => {
  const config = ownConfig();
  return { ...config, metadata: { ...config.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
};

describe("createLeaving", () => {
  test("knows nothing before the list, and stays true when a deleted Config is gone", () => {
    const configs = configStore();
    const leaving = createLeaving(configs);
    expect(leaving()).toBeUndefined();
    configs.set([]);
    expect(leaving()).toBe(false);
    configs.set([ownConfig()]);
    expect(leaving()).toBe(false);
    configs.set([going()]);
    expect(leaving()).toBe(true);
    configs.set([]);
    expect(leaving()).toBe(true);
    configs.set([ownConfig()]);
    expect(leaving()).toBe(false);
  });
});

describe("programsWork", () => {
  let node: TestNode;
  let stop: AbortController;
  let ended: Promise<void>;
  let configs: ReturnType<typeof configStore>;
  let made: CniPrograms;
  let looks: number;

  beforeEach(() => {
    looks = 0;
    node = testNode();
    stop = new AbortController();
    configs = configStore();
    made = programs();
    const { attachments } = node;
    const leaving = createLeaving(configs);
    const deps = {
      programs: made,
      attachments,
      configs,
      leaving,
      changed: () => void looks++,
      log: silentLog,
    };
    ended = runController(programsWork(deps, stop.signal), stop.signal);
  });
  afterEach(async () => {
    stop.abort();
    await ended;
    node[Symbol.dispose]();
  });
  const holds = (what: string, look: () => boolean) =>
    eventually(what, async () => (look() ? { value: true } : { not: readdirSync(folder).join() }));

  test("installs although the API server has not answered", async () => {
    await holds("the programs", () => made.installed);
    expect(configs.synced).toBe(false);
  });

  test("keeps the programs of a host that leaves until its last pod is detached", async () => {
    configs.set([ownConfig()]);
    await holds("the programs", () => made.installed);
    const request = attachRequest("a");
    node.attachments.attach(request);
    const before = looks;
    configs.set([going()]);
    await holds("a look", () => looks > before);
    expect(readdirSync(folder)).toContain("multi-nic");
    node.attachments.detach(request);
    await holds("the end of the programs", () => made.condition.reason === "Removed");
    expect(readdirSync(folder)).toEqual([]);
  });
});
