import { afterAll, beforeAll, describe } from "bun:test";
import { startRealCluster } from "./real-cluster.ts";
import { daemonSteps } from "./steps-daemons.ts";
import { endSteps } from "./steps-ends.ts";
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
  daemonSteps(story);
  podSteps(story);
  nodeSteps(story);
  endSteps(story);
});
