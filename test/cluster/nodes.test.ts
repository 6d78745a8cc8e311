import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { cgroupsNamed } from "./cgroups.ts";
import { startRealCluster } from "./real-cluster.ts";
import { daemonSteps } from "./steps-daemons.ts";
import { endSteps } from "./steps-ends.ts";
import { imageSteps } from "./steps-image.ts";
import { installSteps } from "./steps-install.ts";
import { nodeSteps } from "./steps-nodes.ts";
import { podSteps } from "./steps-pods.ts";
import { Story } from "./story.ts";

/** One cluster, one story: each step begins where the one before ended. */
describe("multinic on real nodes", () => {
  const story = new Story();
  let stop = async () => {};

  beforeAll(async () => {
    const cluster = await startRealCluster(["thin", "thick"]);
    stop = cluster.stop;
    story.begin(cluster);
  });

  afterAll(() => stop());

  installSteps(story);
  imageSteps(story);
  daemonSteps(story);
  podSteps(story);
  nodeSteps(story);
  endSteps(story);

  test("the cluster's end leaves no process, cgroup or folder", async () => {
    const { folder } = story.cluster;
    expect(processesOf(folder).length).toBeGreaterThan(10);
    const end = stop;
    stop = async () => {};
    await end();
    expect(processesOf(folder)).toEqual([]);
    expect(cgroupsNamed(basename(folder))).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});

/** Returns the processes that have the cluster's folder among their mounts or arguments. */
function processesOf(folder: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => ["mountinfo", "cmdline"].some((file) => holds(pid, file, folder)));
}

function holds(pid: string, file: string, text: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").includes(text);
  } catch {
    // It ended while we looked.
    return false;
  }
}
