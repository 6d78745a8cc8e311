import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CniAnswer, macvlanConfig } from "../support/cni.ts";
import { expectError } from "../support/conformance.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { kernelHas } from "../support/netns.ts";
import { ScratchPods } from "../support/scratchpods.ts";

const able = kernelHas("macvlan");
let nicd: LiveNicd;
const pods = new ScratchPods("trouble");

afterEach(async () => {
  pods[Symbol.dispose]();
  await nicd?.[Symbol.asyncDispose]();
});

const call = (command: string, id: string): Promise<CniAnswer> =>
  nicd.call({ command, containerID: id, netns: pods.path(id), config: macvlanConfig() });

/** Attaches a pod and returns its addresses; no other pod here may have one of them. */
async function add(id: string): Promise<string[]> {
  const answer = await call("ADD", id);
  expect([answer.exitCode, answer.out]).toEqual([0, expect.any(String)]);
  const own = pods.addresses(id);
  expect(own).toHaveLength(2);
  for (const other of pods.ids())
    if (other !== id) expect(pods.addresses(other)).not.toContainAnyValues(own);
  return own;
}

async function expectRefused(id: string, why: RegExp): Promise<void> {
  expectError(await call("ADD", id), 11, why);
  expect(pods.addresses(id)).toEqual([]);
  expect(
    pods
      .of(id)
      .kernel.links()
      .map(({ name }) => name),
  ).toEqual(["lo"]);
}

async function expectDel(id: string): Promise<void> {
  for (let times = 0; times < 2; times++) {
    const answer = await call("DEL", id);
    expect([answer.exitCode, answer.out]).toEqual([0, ""]);
  }
  expect(pods.addresses(id)).toEqual([]);
}
const recorded = (id: string) =>
  nicd.client.check({ network: "net", containerID: id, ifname: "net1" }).then(
    () => true,
    () => false,
  );
const state = () => join(nicd.folder, "state");

interface Trouble {
  readonly mount: string;
  readonly break: string;
  readonly mend: string;
  readonly said: RegExp;
}
const ext4 = (block: number) =>
  `mount -t tmpfs -o size=8m tmpfs $state && truncate -s 6M $state/image && mkfs.ext4 -q -m 0 -b ${block} $state/image && mount -o loop $state/image $state && chmod 700 $state`;
/** `$state` is the folder of the record, in a mount namespace of the test. */
const troubles: Record<string, Trouble> = {
  "whose disk is full": {
    mount: "mount -t tmpfs -o size=2m,mode=700 tmpfs $state",
    break: "dd if=/dev/zero of=$state/fill bs=4k status=none 2>/dev/null || true",
    mend: "rm -f $state/fill",
    said: /file system is full: free space there|does not answer/,
  },
  "whose ext4 is full": {
    mount: ext4(4096),
    break: "dd if=/dev/zero of=$state/fill bs=4k status=none 2>/dev/null || true",
    mend: "rm -f $state/fill",
    said: /file system is full: free space there|does not answer/,
  },
  // What ext4 does by itself when its disk gives errors (ext4(5), errors=remount-ro).
  "whose file system became read-only": {
    mount: ext4(4096),
    break: "sync; mount -o remount,abort $state",
    mend: "umount -l $state; mount -o loop $state/image $state",
    said: /read-only: see the kernel's log|does not answer/,
  },
};

describe.if(able)("nicd", () => {
  test.each(Object.entries(troubles))(
    "%s refuses pods with code 11 and the way out, lets DEL work, and gives no address twice when that is mended",
    async (_, trouble) => {
      nicd = await liveNicd("trouble", { mount: trouble.mount });
      const first = await add("c1");
      const kept = await add("c2");
      await nicd.inMounts(trouble.break);
      await expectRefused("c3", trouble.said);
      expect(await recorded("c2")).toBe(true);
      await expectDel("c1");
      // Killed and started in the middle of it: it serves and refuses, or ends and says why.
      await nicd.stop("SIGKILL");
      const again = await nicd.startHere();
      if (again) expect([again.code, again.log]).toEqual([1, expect.stringMatching(trouble.said)]);
      else await expectRefused("c4", trouble.said);
      await expectDel("c1");
      if (!again) await nicd.stop("SIGKILL");
      await expectRefused("c5", /is the daemon pod of this node running/);
      await nicd.inMounts(trouble.mend);
      await nicd.start();
      expect(await recorded("c1")).toBe(false);
      expect(await recorded("c2")).toBe(true);
      expect(pods.addresses("c2")).toEqual(kept);
      await add("c6");
      await add("c7");
      await expectDel("c2");
      expect(first).not.toEqual(kept);
    },
    60_000,
  );

  // In a file that is mapped, a page whose blocks are not there yet ends the program by SIGBUS when the disk is full.
  test("that starts on an ext4 with hardly a free block serves or says why not, and is ended by no signal", async () => {
    nicd = await liveNicd("blocks", { mount: ext4(1024) });
    await add("c1");
    await nicd.stop();
    await nicd.inMounts("dd if=/dev/zero of=$state/fill bs=1k status=none 2>/dev/null || true");
    let served = 0;
    for (let free = 0; free <= 24; free += 2) {
      await nicd.inMounts(`truncate -s -${free ? 2 : 0}k $state/fill`);
      const ended = await nicd.startHere();
      if (ended) {
        const wanted = [1, expect.stringMatching(troubles["whose ext4 is full"]?.said ?? /x/)];
        expect([ended.code, ended.log]).toEqual(wanted);
        continue;
      }
      served++;
      expect(await recorded("c1")).toBe(true);
      await nicd.stop("SIGKILL");
    }
    expect(served).toBeGreaterThan(0);
  }, 60_000);

  test("whose record is deleted while it runs takes no pod any more, lets DEL work, and does not start anew without its journal", async () => {
    nicd = await liveNicd("deleted");
    await add("c1");
    await add("c2");
    for (const name of readdirSync(state()))
      if (name.startsWith("state.db")) rmSync(join(state(), name));
    await expectRefused(
      "c3",
      /it was deleted while nicd runs; put it back, or drain the node and reboot it/,
    );
    await expectDel("c1");
    await nicd.stop("SIGKILL");
    rmSync(join(nicd.folder, "run/journal"));
    const { code, log } = await nicd.startIn(nicd.folder);
    expect([code, log]).toEqual([1, expect.stringContaining("this boot had one")]);
    await expectDel("c2");
  });

  test("whose record is moved away takes pods again when it is put back", async () => {
    nicd = await liveNicd("moved");
    await add("c1");
    renameSync(join(state(), "state.db"), join(state(), "kept"));
    await expectRefused("c2", /deleted while nicd runs/);
    copyFileSync(join(state(), "kept"), join(state(), "state.db"));
    await expectRefused("c2", /replaced while nicd runs/);
    renameSync(join(state(), "kept"), join(state(), "state.db"));
    await add("c2");
    expect(await recorded("c1")).toBe(true);
  });

  test.each([
    ["header", 0, 100],
    ["first page", 100, 3996],
    ["second page", 4096, 4096],
    ["length", -1, 0],
  ])(
    "whose record's %s is damaged while it is away does not start, says so, and lets DEL work",
    async (_, at, length) => {
      nicd = await liveNicd("damaged");
      await add("c1");
      await nicd.stop();
      const file = join(state(), "state.db");
      const bytes = new Uint8Array(await Bun.file(file).arrayBuffer());
      const damaged =
        at < 0 ? bytes.slice(0, bytes.length - 5000) : bytes.fill(0xa5, at, at + length);
      writeFileSync(file, damaged);
      const { code, log } = await nicd.startIn(nicd.folder);
      expect([code, log]).toEqual([
        1,
        expect.stringMatching(/restore it, or drain the node, move it away and reboot/),
      ]);
      await expectRefused("c2", /is the daemon pod of this node running/);
      await expectDel("c1");
      expect(new Uint8Array(await Bun.file(file).arrayBuffer())).toEqual(damaged);
    },
  );

  test("whose record is overwritten under its hands gives no address twice, lets DEL work, and does not start again", async () => {
    nicd = await liveNicd("overwritten");
    await add("c1");
    const noise = new Uint8Array(200_000).fill(0xa5);
    for (const name of ["state.db", "state.db-wal"]) {
      if (!existsSync(join(state(), name))) continue;
      Bun.spawnSync(["dd", `of=${join(state(), name)}`, "conv=notrunc", "status=none"], {
        stdin: noise,
      });
    }
    const answer = await call("ADD", "c2");
    if (answer.exitCode === 0)
      expect(pods.addresses("c2")).not.toContainAnyValues(pods.addresses("c1"));
    else expectError(answer, 11, /damaged: restore it|does not answer/);
    await expectDel("c1");
    await nicd.stop("SIGKILL");
    const { code, log } = await nicd.startIn(nicd.folder);
    expect([code, log]).toEqual([1, expect.stringMatching(/restore it, or drain the node/)]);
    await expectDel("c2");
  });
});
