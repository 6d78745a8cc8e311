import { afterEach, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { lookAtRecord } from "../../src/lib/diag/recordlook.ts";
import { attachRequest } from "../support/attachments.ts";
import { type LiveNicd, liveNicd } from "../support/live-nicd.ts";
import { ScratchPods } from "../support/scratchpods.ts";

let nicd: LiveNicd;
const pods = new ScratchPods("stopped");

afterEach(async () => {
  pods[Symbol.dispose]();
  await nicd?.[Symbol.asyncDispose]();
});

test("the record of an nicd that is stopped can be read by doctor, and is given to no other nicd", async () => {
  nicd = await liveNicd("stopped");
  const netns = pods.path("c1");
  const { dev, ino } = statSync(netns);
  const where = { netns, netnsDev: String(dev), netnsIno: String(ino) };
  await nicd.client.attach(attachRequest("c1", where));
  process.kill(nicd.pid, "SIGSTOP");
  const { code, log } = await nicd.startIn(nicd.folder);
  expect([code, log]).toEqual([
    1,
    expect.stringContaining("another process has it open, most likely another nicd"),
  ]);
  const paths = { runDir: join(nicd.folder, "run"), stateDir: join(nicd.folder, "state") };
  const look = await lookAtRecord(paths, { node: "host1", criSocket: undefined });
  expect(look?.away).toContain("no answer came within");
  expect(look?.lost).toBe(false);
  expect(look?.record.attachments.map(({ containerID }) => containerID)).toEqual(["c1"]);
  process.kill(nicd.pid, "SIGCONT");
  const { attachments } = await nicd.client.record({});
  expect(attachments.map(({ containerID }) => containerID)).toEqual(["c1"]);
}, 60_000);
