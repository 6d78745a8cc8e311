import { expect, test } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { namespace } from "./installed.ts";
import { addressOn, pod, workload } from "./pods.ts";
import { network } from "./scenario.ts";
import { addresses, type Story } from "./story.ts";

/** Pods under odd circumstances. */
export function podSteps(story: Story): void {
  test("a namespace that is made gets the definition, and a taint changes nothing", async () => {
    const before = await story.podCidrs();
    await story.undisturbed(async () => {
      await story.on.must(["create", "namespace", "newcomer"]);
      await eventually("its definition", async () => {
        const path = "/apis/k8s.cni.cncf.io/v1/namespaces/newcomer/network-attachment-definitions";
        const found = await story.on.items(path);
        return found.length === 1 ? { value: true } : { not: "none" };
      });
      await story.on.must(["taint", "node", "node2", "tested=yes:NoSchedule"]);
      await story.on.must(["-n", namespace, "delete", "pod", "-l", "app=multi-nicd"]);
      await story.on.must(["-n", namespace, "rollout", "status", "--timeout=90s", "ds/multi-nicd"]);
      expect(await story.podCidrs()).toEqual(before);
      await story.on.must(["taint", "node", "node2", "tested-"]);
      await story.on.must(["delete", "namespace", "newcomer", "--wait=false"]);
    });
  });

  test("default-route in the annotation finds the first NIC under the name that Multus gave it", async () => {
    const networks = JSON.stringify([{ name: network, "default-route": ["192.168.63.1"] }]);
    await story.undisturbed(async () => {
      for (const node of ["node1", "node2"]) {
        await story.on.apply(pod(`way-${node}`, { networks, node, labels: { app: "way" } }));
      }
      // Multus looks for net1 before it sets the route, and fails the pod when there is none. That eth0 keeps its own
      // default is Multus' (4.2.2 to 4.2.4): its netlink library shows that route with a destination, which it skips.
      for (const seen of await story.on.running("app=way", 2)) {
        const node = story.cluster.nodes.find(({ name }) => name === seen.spec.nodeName);
        const look = ["sh", "-c", named, addressOn(seen, network, 0)];
        expect((await node?.must(look))?.trim()).toBe("net1-0");
      }
      await story.on.must(["delete", "pod", "-l", "app=way"]);
    });
  });

  test("pods deleted by force are freed without a word from the API server", async () => {
    await story.undisturbed(async () => {
      const labels = { app: "forced" };
      const names = ["forced-1", "forced-2"];
      await story.on.apply(
        ...names.map((name, i) => pod(name, { networks: network, node: `node${i + 1}`, labels })),
      );
      await story.on.running("app=forced", 2);
      await story.on.must(["delete", "pod", ...names, "--grace-period=0", "--force"]);
    });
  });

  test("StatefulSet pods come back under the same name ten times, each time with addresses of their own", async () => {
    await story.undisturbed(async () => {
      await story.on.apply(workload("StatefulSet", "same", { replicas: 2, networks: network }));
      let pods = await story.on.running("app=same", 2);
      for (let round = 0; round < 10; round++) {
        pods = await story.on.renewed("app=same", pods);
        const all = pods.flatMap((p) => addresses([p])[0]?.slice(1) ?? []);
        expect(new Set(all).size).toBe(4);
      }
      await story.on.must(["delete", "statefulset", "same"]);
      await story.on.gone("app=same");
    });
  });
}

/** Prints the name of the link that answers to net1, in the namespace that has an address. */
const named = `for n in /run/netns/*; do
  if nsenter --net=$n ip -o addr | grep -qF " $0/"; then nsenter --net=$n ip -br link show dev net1; fi
done | sed 's/[@ ].*//'`;
