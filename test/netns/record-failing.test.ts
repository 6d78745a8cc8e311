import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../src/lib/errors.ts";
import { openStore } from "../../src/lib/nicd/store.ts";
import type { AttachmentKey } from "../../src/lib/node/contract.ts";
import { attachRequest, pool } from "../support/attachments.ts";
import { type CniAnswer, macvlanConfig } from "../support/cni.ts";
import { expectError } from "../support/conformance.ts";
import { failingDisk, type Place, places } from "../support/failing-disk.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { kernelHas } from "../support/netns.ts";
import { ScratchPods } from "../support/scratchpods.ts";

const able = kernelHas("macvlan");
const disk = failingDisk();
afterAll(() => disk[Symbol.dispose]());
let nicd: LiveNicd;
const pods = new ScratchPods("failing");
/** Who holds what, by the answers that were given: container ID → addresses. */
let held = new Map<string, string[]>();

afterEach(async () => {
  disk.calm();
  pods[Symbol.dispose]();
  held = new Map();
  await nicd?.[Symbol.asyncDispose]();
});

const wayOut =
  /its disk does not answer: see the kernel's log for I\/O errors, and drain the node|its file system is full: free space there/;
const keyOf = (containerID: string): AttachmentKey => ({
  network: "net",
  containerID,
  ifname: "net1",
});
/** What is held by mistake fills them soon. */
const tight = [
  pool("eth1", "192.168.0.0/29", "192.168.0.0/18"),
  pool("eth2", "192.168.64.0/29", "192.168.64.0/18"),
];
const state = () => join(nicd.folder, "state");

/** Expects that a refusal is of the record's disk, with code 11 and the way out; returns false. */
function refused(error: unknown): false {
  expect([codeOf(error), String(error)]).toEqual(["11", expect.stringMatching(wayOut)]);
  return false;
}

/** Attaches as the plugin asks nicd to; what it gets, nobody may hold. */
async function attach(id: string): Promise<boolean> {
  const netns = pods.path("all");
  const { dev, ino } = statSync(netns);
  const where = { netns, netnsDev: String(dev), netnsIno: String(ino) };
  try {
    const { interfaces } = await nicd.client.attach(attachRequest(id, where));
    const own = interfaces.flatMap(({ addresses }) => addresses);
    expect(own).toHaveLength(2);
    for (const others of held.values()) expect(others).not.toContainAnyValues(own);
    held.set(id, own);
    return true;
  } catch (error) {
    return refused(error);
  }
}

async function detach(id: string): Promise<boolean> {
  try {
    const { released } = await nicd.client.detach(keyOf(id));
    const bare = (held.get(id) ?? []).map((address) => address.split("/")[0] ?? "");
    expect(released.sort()).toEqual(bare.sort());
    held.delete(id);
    return true;
  } catch (error) {
    return refused(error);
  }
}

/** Expects that nicd holds what it has answered and no more, and that one that were killed now would find the same. */
async function expectAgreement(): Promise<void> {
  const wanted = Object.fromEntries([...held].map(([id, own]) => [id, own.toSorted()]));
  const { attachments } = await nicd.client.record({});
  const live = attachments.map(({ containerID, interfaces }) => [
    containerID,
    interfaces.flatMap((nic) => nic.addresses.map((a) => `${a.address}/${a.prefixLength}`)).sort(),
  ]);
  expect(Object.fromEntries(live)).toEqual(wanted);
  expect(recordedOnDisk()).toEqual(Object.keys(wanted).sort());
}

/** What a killed nicd leaves to the next one. */
function recordedOnDisk(): string[] {
  const folder = mkdtempSync(join(tmpdir(), "multinic-failing-"));
  try {
    for (const name of ["state.db", "state.db-wal"])
      cpSync(join(state(), name), join(folder, name));
    const store = openStore(join(folder, "state.db"));
    const ids = store.records.list().map(({ containerID }) => containerID);
    store.close();
    return ids.sort();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Starts it again after its end, with the disk as it is; one that does not start says why, and does when the disk is well. */
async function startAgain(): Promise<boolean> {
  await nicd.start({ env: disk.env, atOnce: true });
  const serves = await nicd.logged('"serving"').then(
    () => true,
    () => false,
  );
  if (serves) return true;
  const { code, log } = await nicd.stop();
  expect([code, log]).toEqual([1, expect.stringMatching(wayOut)]);
  disk.calm();
  await nicd.start({ env: disk.env });
  return false;
}

/** What only checkpoints write: what the log holds, into the record itself. */
const checkpoint = places.filter((place) => place.startsWith("state.db "));
const madeOf = (some: readonly Place[]) => {
  const seen = disk.seen();
  return some.reduce((sum, place) => sum + (seen[place] ?? 0), 0);
};

describe.if(able)("nicd", () => {
  test.each([
    ["EIO", 1],
    ["ENOSPC", 1_000_000],
  ] as const)(
    "whose record's Nth write gives %s, %d times, answers with success or the way out, and keeps to what it answered",
    async (error, times) => {
      nicd = await liveNicd("failing", { how: { env: disk.env }, pools: tight });
      for (const id of ["kept", "kept-too"]) expect(await attach(id)).toBe(true);
      let failed = 0;
      for (let at = 1; ; at++) {
        const [first, second] = [`pod-${at}`, `pod-${at}-again`];
        disk.fail({ at, error, times });
        const answers = [await attach(first), await detach(first), await attach(second)];
        const calls = disk.calm();
        await expectAgreement();
        // What every runtime does with a pod that failed, and with one that did not.
        for (const id of [first, second]) expect(await detach(id)).toBe(true);
        if (calls < at) {
          expect(answers).toEqual([true, true, true]);
          break;
        }
        expect(answers).toContain(false);
        failed++;
        if (at % 16 !== 0) continue;
        await nicd.stop("SIGKILL");
        expect(await startAgain()).toBe(true);
        await expectAgreement();
      }
      // A page is two writes, its header and its content; an attach is eight pages.
      expect(failed).toBeGreaterThan(40);
    },
    60_000,
  );

  test("whose checkpoint fails at any of its calls goes on, for its commits are in the log before it", async () => {
    nicd = await liveNicd("failing", { how: { env: disk.env } });
    expect(await attach("kept")).toBe(true);
    let failed = 0;
    for (let at = 1; ; at++) {
      disk.fail({ at, error: at % 2 ? "EIO" : "ENOSPC", times: 1_000_000, of: checkpoint });
      // SQLite tries after a thousand pages, and after a failure at each commit from there on.
      for (let pod = 0; madeOf(checkpoint) < at && madeOf(["state.db fsync"]) === 0; pod++) {
        expect(await attach(`pod-${at}-${pod}`)).toBe(true);
        expect(await detach(`pod-${at}-${pod}`)).toBe(true);
      }
      const calls = disk.calm();
      await expectAgreement();
      if (calls < at) break;
      failed++;
    }
    expect(failed).toBeGreaterThan(5);
  }, 60_000);

  test("whose log cannot be begun anew refuses the pod, and takes the next", async () => {
    nicd = await liveNicd("failing", { how: { env: disk.env } });
    expect(await attach("kept")).toBe(true);
    await nicd.stop();
    expect(await startAgain()).toBe(true);
    disk.fail({ at: 1, error: "EIO", of: ["state.db-wal fsync"] });
    expect(await attach("refused")).toBe(false);
    await expectAgreement();
    expect(await attach("next")).toBe(true);
    await expectAgreement();
  });

  test.each(["SIGTERM", "SIGKILL"] as const)(
    "whose disk fails at any call of its end by %s and its start serves or says why, and has lost nothing",
    async (signal) => {
      nicd = await liveNicd("failing", { how: { env: disk.env } });
      expect(await attach("kept")).toBe(true);
      for (let at = 1, fired = true; fired; at++) {
        const id = `pod-${at}`;
        expect(await attach(id)).toBe(true);
        disk.fail({ at, error: at % 2 ? "EIO" : "ENOSPC", times: at % 3 ? 1 : 1_000_000 });
        await nicd.stop(signal);
        fired = !(await startAgain()) || disk.calm() >= at;
        await expectAgreement();
        expect(await detach(id)).toBe(true);
      }
    },
    60_000,
  );

  /** By descriptor: the namespace's file was mounted after nicd's mount namespace was made. */
  const call = (command: string, id: string): Promise<CniAnswer> =>
    nicd.call({ command, containerID: id, netns: pods.path(id), config: macvlanConfig() });
  const linksIn = (id: string) =>
    pods
      .of(id)
      .kernel.links()
      .map(({ name }) => name);

  // A write of the first ADD, of its last page, of the DEL, of the second ADD.
  test.each([
    ["EIO", 1],
    ["ENOSPC", 16],
    ["EIO", 20],
    ["ENOSPC", 45],
  ] as const)(
    "whose disk gives %s from write %d on fails pods with code 11, lets DEL work, and holds nothing of them after it",
    async (error, at) => {
      nicd = await liveNicd("failing", { how: { env: disk.env } });
      expect((await call("ADD", "kept")).exitCode).toBe(0);
      disk.fail({ at, error, times: 1_000_000 });
      const added: string[] = [];
      const add = async (id: string) => {
        const answer = await call("ADD", id);
        if (answer.exitCode === 0) {
          added.push(id);
          return expect(linksIn(id)).toEqual(["lo", "net1-0", "net1-1"]);
        }
        expectError(answer, 11, wayOut);
        expect(linksIn(id)).toEqual(["lo"]);
      };
      const del = async (id: string) => {
        const answer = await call("DEL", id);
        expect([answer.exitCode, answer.out]).toEqual([0, ""]);
        expect(linksIn(id)).toEqual(["lo"]);
      };
      await add("first");
      await del("first");
      await add("second");
      expect(added).toEqual(at > 16 ? ["first"] : []);
      // Killed as it is, and started on a disk that is well.
      await nicd.stop("SIGKILL");
      disk.calm();
      await nicd.start();
      for (const id of ["first", "second"]) await del(id);
      const { attachments } = await nicd.client.record({});
      expect(attachments.map(({ containerID }) => containerID)).toEqual(["kept"]);
      expect(linksIn("kept")).toEqual(["lo", "net1-0", "net1-1"]);
    },
    60_000,
  );
});
