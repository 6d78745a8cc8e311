import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { environment } from "../../src/lib/settings.ts";
import { connect } from "../contract/api-client.ts";
import { cgroupsNamed } from "./cgroups.ts";
import { toolsImage } from "./images.ts";
import { startRealCluster } from "./real-cluster.ts";
import { scenario } from "./scenario.ts";
import { allocationSteps } from "./steps-allocations.ts";
import { daemonSteps } from "./steps-daemons.ts";
import { deviceSteps } from "./steps-devices.ts";
import { endSteps } from "./steps-ends.ts";
import { imageSteps } from "./steps-image.ts";
import { installSteps } from "./steps-install.ts";
import { memorySteps } from "./steps-memory.ts";
import { nodeSteps } from "./steps-nodes.ts";
import { podSteps } from "./steps-pods.ts";
import { troubleSteps, troublesCounted } from "./steps-troubles.ts";
import { Story } from "./story.ts";
import { endVisit, type Visit, visitSteps } from "./visit.ts";

const own = environment()["KUBECONFIG"];

if (own)
  describe(`multinic on the cluster of ${own}`, () => {
    let visit: Visit | undefined;
    visitSteps(() => (visit = visitTo(own)));
    // Also after a step that failed.
    afterAll(async () => visit && endVisit(visit));
  });
else describe("multinic on real nodes", tellStory);

/** One cluster, one story: each step begins where the one before ended. */
function tellStory(): void {
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
  troubleSteps(story);
  daemonSteps(story);
  podSteps(story);
  troublesCounted(story);
  allocationSteps(story);
  deviceSteps(story);
  visitSteps(() => ({
    on: scenario(story.cluster, { network: "visit", namespace: "visiting" }),
    subnet: "198.18.0.0/16",
    plugin: "macvlan",
    image: toolsImage,
  }));
  nodeSteps(story);
  memorySteps(story);
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
}

/** A cluster of the user's own, on which multinic is installed. */
function visitTo(kubeconfigPath: string): Visit {
  const env = environment();
  const name = `multinic-visit-${crypto.randomUUID().slice(0, 8)}`;
  const api = connect(readFileSync(kubeconfigPath, "utf8"));
  const on = scenario({ api, kubeconfigPath, nodes: [] }, { network: name, namespace: name });
  return {
    on,
    subnet: env["VISIT_SUBNET"] || "198.18.0.0/16",
    plugin: env["VISIT_PLUGIN"] || "ipvlan",
    image: env["VISIT_IMAGE"] || "busybox:1.36",
  };
}

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
