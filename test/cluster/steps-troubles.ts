import { test } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { planesNetwork } from "./installed.ts";
import { pod } from "./pods.ts";
import { network } from "./scenario.ts";
import type { Story } from "./story.ts";

interface SeenEvent {
  readonly message: string;
  readonly count: number;
  readonly involvedObject: { readonly name: string };
  readonly source: { readonly component: string };
}

const crowded = "crowded";

function eventsOf(story: Story, name: string, component: string): Promise<SeenEvent[]> {
  const about = encodeURIComponent(`involvedObject.name=${name},source=${component}`);
  return story.on.items(`/api/v1/namespaces/default/events?fieldSelector=${about}`);
}

/** What cannot be served is told in Events. */
export function troubleSteps(story: Story): void {
  test("a pod that wants a NIC which its node lacks, and a network over the hosts' own addresses, are told so", async () => {
    const networks = JSON.stringify([{ name: network, "cni-args": { masters: ["eth9"] } }]);
    await story.on.apply(pod("hopeless", { networks, node: "node1" }));
    const over = planesNetwork(crowded, "10.0.0.0/16");
    const ipam = JSON.stringify({ ...JSON.parse(over.spec.ipam), vlanMode: "l2" });
    await story.on.apply({ ...over, spec: { ...over.spec, ipam, namespaces: ["default"] } });
    for (const [name, component, words] of [
      ["hopeless", "multinic-nicd", "eth9"],
      [crowded, "multinic-operator", "10.0.1.0/24"],
    ] as const) {
      await eventually(`an Event about ${name}`, async () => {
        const found = await eventsOf(story, name, component);
        return found.some(({ message }) => message.includes(words))
          ? { value: true }
          : { not: JSON.stringify(found.map(({ message }) => message)) };
      });
    }
  });
}

/** Later: what was told once is counted. */
export function troublesCounted(story: Story): void {
  test("Events that repeat are counted, not written again", async () => {
    for (const [name, component] of [
      ["hopeless", "multinic-nicd"],
      [crowded, "multinic-operator"],
    ] as const) {
      await eventually(
        `a count of ${name}`,
        async () => {
          const found = await eventsOf(story, name, component);
          const most = Math.max(0, ...found.map(({ count }) => count));
          return most > 1 ? { value: true } : { not: JSON.stringify(found) };
        },
        120_000,
      );
    }
    await story.on.must(["delete", "pod", "hopeless"]);
    await story.on.must(["delete", "multinicnetwork", crowded, "--wait=false"]);
    await story.networkGone(crowded);
  });
}
