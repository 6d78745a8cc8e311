import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { attachRequest } from "../support/attachments.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import {
  applyPools,
  freed,
  isHeld,
  makeNamespace,
  poolsKnown,
  sharedMounts,
} from "../support/nicdproofs.ts";
import { type ScriptedCri, serveCri } from "../support/scripted-cri.ts";

let nicd: LiveNicd;
let cri: ScriptedCri;

afterEach(async () => {
  cri?.[Symbol.dispose]();
  await nicd?.[Symbol.asyncDispose]();
});

/** Starts nicd with a runtime on a real socket that lists these sandboxes, and with folders that mounts of the host reach. */
async function start(listed: readonly string[]): Promise<void> {
  const live = await liveNicd("cri", { api: true, mount: sharedMounts });
  nicd = live;
  await applyPools(nicd);
  await nicd.stop("SIGKILL");
  const socket = join(nicd.folder, "cri.sock");
  cri = await serveCri(socket);
  cri.say(listed);
  await nicd.start({ env: { MULTINIC_CRI_SOCKET: socket } });
  await poolsKnown(nicd);
}

const namespace = (name: string) => makeNamespace(nicd, name);
const held = (containerID: string) => isHeld(nicd, containerID);

test("nicd with a CRI frees what two looks 30 s apart miss; a look that fails, hangs, is empty once or cannot be read frees nothing", async () => {
  await start(["held", "present", "path-below-proc", "lost", "once"]);
  const kept = {
    // Listed in all but one look.
    once: await namespace("once"),
    held: await namespace("held"),
    // Not listed any more, but its namespace is there: the runtime may be about to list it, for five minutes.
    present: await namespace("present"),
  };
  for (const [id, more] of Object.entries(kept)) await nicd.client.attach(attachRequest(id, more));
  const lost = await namespace("lost");
  await nicd.client.attach(attachRequest("lost", lost));
  await nicd.client.attach(attachRequest("path-below-proc", { netns: "/proc/999999/ns/net" }));
  await cri.looked(cri.looks + 1);
  await nicd.inMounts("ip netns delete lost");
  for (const trouble of ["error", "garbage"] as const) {
    cri.say(trouble);
    await cri.looked(cri.looks + 1);
  }
  await nicd.logged("cannot list the node's sandboxes");
  cri.say([]);
  await cri.looked(cri.looks + 1);
  expect(await Promise.all([...Object.keys(kept), "lost"].map(held))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  cri.say(["held", "once", "lost"]);
  await cri.looked(cri.looks + 1);
  // From here on it is missing: the look that listed it again began the 30 s anew.
  cri.say(["held", "once"]);
  const first = cri.looks;
  await freed(nicd, "lost");
  expect(cri.looks - first).toBeGreaterThanOrEqual(4);
  await freed(nicd, "path-below-proc");
  expect(await Promise.all(Object.keys(kept).map(held))).toEqual([true, true, true]);
  expect(nicd.log).toContain("the CRI has not listed its sandbox for");
}, 240_000);

test("nicd with a CRI that never listed a sandbox of ours takes its silence for nothing while a namespace may be there", async () => {
  await start(["somebody-else"]);
  const there = await namespace("there");
  await nicd.client.attach(attachRequest("there", there));
  await nicd.client.attach(attachRequest("below-proc", { netns: "/proc/999999/ns/net" }));
  const lost = await namespace("lost");
  await nicd.client.attach(attachRequest("lost", lost));
  await nicd.inMounts("ip netns delete lost");
  await freed(nicd, "lost");
  expect([await held("there"), await held("below-proc")]).toEqual([true, true]);
}, 240_000);
