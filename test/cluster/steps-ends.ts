import { expect, test } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { namespace, planesNetwork } from "./installed.ts";
import { pod } from "./pods.ts";
import { network } from "./scenario.ts";
import { rightsSteps } from "./steps-rights.ts";
import { label, nads, ours, type Story } from "./story.ts";

/** Everything ends: networks, pods, the installation. */
export function endSteps(story: Story): void {
  test("a deleted network lets its pods finish, and then everything of it goes", async () => {
    await story.on.apply(planesNetwork("second", "10.200.0.0/16"));
    await eventually("definition of second", async () => {
      const found = await story.on.items(`${nads}?fieldSelector=metadata.name%3Dsecond`);
      return found.length > 0 ? { value: true } : { not: "none" };
    });
    await story.on.apply(
      pod("clings", { networks: "second", node: "node2", labels: { app: "clings" } }),
    );
    await story.on.running("app=clings", 1);
    await story.on.must(["delete", "multinicnetwork", "second", "--wait=false"]);
    await eventually("the pod's name in status", async () => {
      const { body } = await story.on.api.call("GET", `${ours}/multinicnetworks/second`);
      const said = body.status?.message ?? "";
      return said.includes("default/clings") ? { value: true } : { not: said };
    });
    expect(await story.on.items(`${nads}?fieldSelector=metadata.name%3Dsecond`)).toEqual([]);
    await story.on.must(["delete", "pod", "clings"]);
    await story.networkGone("second");
  });

  test("a network can be deleted while a node is dead", async () => {
    await story.on.apply(planesNetwork("third", "10.201.0.0/16"));
    await eventually("blocks of third", async () => {
      const found = await story.on.items(`${ours}/ippools?labelSelector=netname%3Dthird`);
      return found.length === 4 ? { value: true } : { not: `${found.length} pools` };
    });
    await story.cluster.nodes[1]?.cut();
    await story.on.must(["delete", "multinicnetwork", "third", "--wait=false"]);
    await story.networkGone("third");
    await story.cluster.nodes[1]?.boot();
    await eventually(
      "node2 without third's rule",
      async () => {
        const rules = (await story.cluster.nodes[1]?.must(["ip", "rule"])) ?? "";
        return rules.includes("10.201.") ? { not: rules } : { value: true };
      },
      120_000,
    );
  });

  test("deleted pods give everything back", async () => {
    await story.on.must(["delete", "deployment", "many", "--wait=false"]);
    await story.on.gone(label);
    await story.on.mirrored([], 120_000);
    for (const node of story.cluster.nodes) {
      expect(await node.must(["ip", "-br", "link", "show", "type", "macvlan"])).toBe("");
    }
  });

  test("a network of ipvlan l3 has its rule and routes on every node", async () => {
    await story.on.must(["delete", "multinicnetwork", network]);
    await story.on.apply(planesNetwork("routed", "10.202.0.0/16", "ipvlan"));
    /** Routes to the blocks of another node: its index, and the last byte of its addresses. */
    const routesTo = (index: number, peer: number) => [
      [`10.202.${index}.0/24`, `10.0.1.${peer}`, "eth1"],
      [`10.202.${index + 64}.0/24`, `10.0.2.${peer}`, "eth2"],
    ];
    const wanted = [routesTo(1, 2), routesTo(0, 1)];
    for (const [i, node] of story.cluster.nodes.entries()) {
      await eventually(`routes of ${node.name}`, async () => {
        const rules = JSON.parse(
          await node.must(["ip", "-j", "rule", "list", "priority", "30000"]),
        );
        const [rule] = rules;
        const said = JSON.stringify(rules);
        if (rules.length !== 1 || `${rule.src}/${rule.srclen}` !== "10.202.0.0/16")
          return { not: said };
        const routes = JSON.parse(
          await node.must(["ip", "-j", "route", "show", "table", rule.table]),
        );
        const found = routes.map((r: Record<string, unknown>) => [
          r["dst"],
          r["gateway"],
          r["dev"],
        ]);
        const all = wanted[i]?.every((row) => JSON.stringify(found).includes(JSON.stringify(row)));
        return all ? { value: true } : { not: JSON.stringify(found) };
      });
    }
    await story.on.must(["delete", "multinicnetwork", "routed"]);
  });

  test("a deleted Config takes nicd and what it did on the hosts along", async () => {
    await story.on.must(["delete", "configs.multinic.fms.io", "multi-nicd", "--timeout=90s"]);
    expect(await story.on.items(`/apis/apps/v1/namespaces/${namespace}/daemonsets`)).toEqual([]);
  });

  // Before the operator's own rights are deleted under it.
  rightsSteps(story);

  test("uninstalling leaves no object, rule, route or file", async () => {
    await story.on.must(["delete", "-k", `${story.cluster.folder}/overlay`, "--timeout=90s"]);
    expect(await story.on.items("/apis/k8s.cni.cncf.io/v1/network-attachment-definitions")).toEqual(
      [],
    );
    for (const node of story.cluster.nodes) {
      expect(await node.must(["ip", "rule", "list", "priority", "30000"])).toBe("");
      expect(await node.must(["ip", "route", "show", "table", "all", "proto", "77"])).toBe("");
      const files = await node.must([
        "sh",
        "-c",
        "ls /opt/cni/bin /etc/iproute2/rt_tables.d 2>/dev/null || :",
      ]);
      expect(files).not.toMatch(/multi-?nic/);
    }
  });
}
