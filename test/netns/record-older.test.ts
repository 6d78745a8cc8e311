import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { macvlanConfig } from "../support/cni.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { kernelHas } from "../support/netns.ts";
import { ScratchPods } from "../support/scratchpods.ts";

const able = kernelHas("macvlan");
let nicd: LiveNicd;
const pods = new ScratchPods("older");

afterEach(async () => {
  pods[Symbol.dispose]();
  await nicd?.[Symbol.asyncDispose]();
});

async function call(command: string, id: string): Promise<void> {
  const netns = pods.path(id);
  const answer = await nicd.call({ command, containerID: id, netns, config: macvlanConfig() });
  expect([answer.exitCode, answer.out]).toEqual([0, expect.any(String)]);
}
/** Reads from the kernels of all pods who has which address. */
function inKernels(): Record<string, string[]> {
  const seen = pods.ids().map((id) => [id, pods.addresses(id).sort()] as const);
  return Object.fromEntries(seen.filter(([, own]) => own.length > 0));
}
/** What nicd has on record; no address twice, and each where the kernel has it. */
async function expectAgreement(): Promise<string[]> {
  const { attachments } = await nicd.client.record({});
  const recorded = attachments.map(({ containerID, interfaces }) => [
    containerID,
    interfaces.flatMap((nic) => nic.addresses.map((a) => `${a.address}/${a.prefixLength}`)).sort(),
  ]);
  expect(Object.fromEntries(recorded)).toEqual(inKernels());
  const all = Object.values(inKernels()).flat();
  expect(new Set(all).size).toBe(all.length);
  return attachments.map(({ containerID }) => containerID).sort();
}
const file = () => join(nicd.folder, "state/state.db");
function removeRecord(): void {
  for (const name of readdirSync(join(nicd.folder, "state")))
    if (name.startsWith("state.db")) rmSync(join(nicd.folder, "state", name));
}

describe.if(able)("nicd", () => {
  test.each(["SIGTERM", "SIGKILL"] as const)(
    "that finds an older copy of its record after %s takes the pods that it lacks from its journal, and gives no address twice",
    async (signal) => {
      nicd = await liveNicd("older");
      for (const id of ["a", "b", "z"]) await call("ADD", id);
      await nicd.stop();
      copyFileSync(file(), join(nicd.folder, "backup"));
      await nicd.start();
      await call("DEL", "z");
      for (const id of ["c", "d"]) await call("ADD", id);
      await call("DEL", "a");
      await call("ADD", "e");
      await nicd.stop(signal);
      // While it is away: a DEL that it finds later, of a pod that the copy does not know.
      await call("DEL", "e");
      removeRecord();
      copyFileSync(join(nicd.folder, "backup"), file());
      await nicd.start();
      expect(nicd.log).toContain("older than this boot's last commits");
      expect(await expectAgreement()).toEqual(["b", "c", "d"]);
      for (const id of ["f", "g", "h"]) await call("ADD", id);
      expect(await expectAgreement()).toEqual(["b", "c", "d", "f", "g", "h"]);
      for (const id of ["c", "d"]) await call("DEL", id);
      expect(await expectAgreement()).toEqual(["b", "f", "g", "h"]);
      await nicd.stop();
      await nicd.start();
      expect(nicd.log).not.toContain("older than this boot's last commits");
      expect(await expectAgreement()).toEqual(["b", "f", "g", "h"]);
    },
    60_000,
  );

  test("whose record is deleted under its pods makes it anew from its journal", async () => {
    nicd = await liveNicd("older");
    for (const id of ["a", "b"]) await call("ADD", id);
    await nicd.stop("SIGKILL");
    removeRecord();
    await nicd.start();
    expect(await expectAgreement()).toEqual(["a", "b"]);
    await call("DEL", "a");
    expect(await expectAgreement()).toEqual(["b"]);
  });
});
