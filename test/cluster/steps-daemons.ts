import { test } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { nextImage } from "./images.ts";
import { namespace, nicdConfig } from "./installed.ts";
import { pod } from "./pods.ts";
import { network } from "./scenario.ts";
import { installDeviceKinds } from "./steps-devices.ts";
import { operator, type Story } from "./story.ts";

/** Operator, nicd, API server and Multus restart while pods talk. */
export function daemonSteps(story: Story): void {
  test("a restarted operator disturbs no pod", async () => {
    await story.undisturbed(async () => {
      await story.on.must(["-n", namespace, "rollout", "restart", operator]);
      await story.on.must(["-n", namespace, "rollout", "status", "--timeout=90s", operator]);
    });
  });

  test("a restarted nicd disturbs no pod, and pods started meanwhile wait for it", async () => {
    await story.undisturbed(async () => {
      await story.on.must([
        "-n",
        namespace,
        "delete",
        "pod",
        "-l",
        "app=multi-nicd",
        "--wait=false",
      ]);
      for (const node of ["node1", "node2"]) {
        const labels = { app: "meanwhile" };
        await story.on.apply(pod(`meanwhile-${node}`, { networks: network, node, labels }));
      }
      await story.on.running("app=meanwhile", 2);
      await story.on.must(["-n", namespace, "rollout", "status", "--timeout=90s", "ds/multi-nicd"]);
      await story.on.must(["delete", "pod", "-l", "app=meanwhile"]);
    });
  });

  test("nicd rolls to another image and no pod notices", async () => {
    await story.undisturbed(async () => {
      await story.on.apply(nicdConfig(nextImage));
      // Other operators come while ours runs: steps-devices.ts looks later.
      await installDeviceKinds(story);
      await eventually("the new image", async () => {
        const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets/multi-nicd`;
        const { body } = await story.on.api.call("GET", path);
        const { image } = body.spec.template.spec.containers[0];
        return image === nextImage ? { value: true } : { not: image };
      });
      await story.on.must(["-n", namespace, "rollout", "status", "--timeout=90s", "ds/multi-nicd"]);
    });
  });

  test("the API server restarts while pods talk, and pods that the kubelets know already start", async () => {
    await story.undisturbed(async () => {
      const labels = { app: "outage" };
      const sleepers = [1, 2, 3, 4].map((n) =>
        pod(`outage-${n}`, { networks: network, node: `node${(n % 2) + 1}`, labels }),
      );
      await story.on.apply(...sleepers);
      await story.cluster.withoutApiServer(async () => {});
      await story.on.running("app=outage", 4);
      await story.on.must(["delete", "pod", "-l", "app=outage"]);
    });
  });

  test("what Multus' daemon misses when it is killed, nicd finds", async () => {
    await story.undisturbed(async () => {
      const names = [1, 2, 3].map((n) => `missed-${n}`);
      const labels = { app: "missed" };
      await story.on.apply(
        ...names.map((name) => pod(name, { networks: network, node: "node2", labels })),
      );
      await story.on.running("app=missed", 3);
      const daemon = ["-n", "kube-system", "delete", "pod", "-l", "name=multus"];
      await story.on.must(["delete", "pod", ...names, "--wait=false"]);
      await story.on.must([...daemon, "--grace-period=0", "--force"]);
      await story.on.gone("app=missed");
      await story.on.must([
        "-n",
        "kube-system",
        "rollout",
        "status",
        "--timeout=90s",
        "ds/kube-multus-ds",
      ]);
    });
  });
}
