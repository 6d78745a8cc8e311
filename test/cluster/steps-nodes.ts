import { expect, test } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { addFunction, removeFunction } from "../../src/lib/lab/sysfs.ts";
import { namespace } from "./installed.ts";
import { attachedTo, pod, type SeenPod } from "./pods.ts";
import { network } from "./scenario.ts";
import { addresses, label, many, ours, type Story } from "./story.ts";

/** Nodes and NICs come, go, and come again. */
export function nodeSteps(story: Story): void {
  test("a node that joins gets blocks of its own, and its leaving gives them back", async () => {
    const before = await story.podCidrs();
    await story.undisturbed(async () => {
      const node = await story.cluster.addNode("thin");
      const fresh = await eventually("blocks of node3", async () => {
        const all = await story.podCidrs();
        const added = all.filter((row) => !before.includes(row));
        return added.length === 2 ? { value: added } : { not: added.join(" ") };
      });
      expect(fresh).toEqual(["node3 eth1 192.168.2.0/24", "node3 eth2 192.168.66.0/24"]);
      await story.on.apply(
        pod("on-node3", { networks: network, node: "node3", labels: { app: "n3" } }),
      );
      const [there] = await story.on.running("app=n3", 1);
      const [here] = story.talkers;
      if (there && here) await story.on.reaches(here, there);
      await node.stop();
      await story.on.must(["delete", "node", "node3"]);
      // Kubernetes' own collector takes a minute for the pods of a node that is gone; a ready nicd keeps its HostInterface.
      const lost = ["-n", "multi-nic-cni-operator", "--field-selector", "spec.nodeName=node3"];
      await story.on.must(["delete", "pod", ...lost, "--grace-period=0", "--force"]);
      await eventually("node3's leaving", async () => {
        const left = await story.podCidrs();
        const hosts = await story.on.items(`${ours}/hostinterfaces`);
        return hosts.length === 2 && left.join() === before.join()
          ? { value: true }
          : { not: left.join(" ") };
      });
      await story.on.must(["delete", "pod", "on-node3", "--grace-period=0", "--force"]);
    });
  });

  test("a NIC that is plugged in widens the network, and one that is pulled narrows it again", async () => {
    const before = await story.podCidrs();
    const node = story.cluster.nodes[0];
    if (!node) throw new Error("no node");
    await story.undisturbed(async () => {
      await story.cluster.enclosure.plugIn(1);
      addFunction(node.sysRoot, "eth3", { pciAddress: "0000:00:06.0", numaNode: 0 });
      await eventually("a block for eth3", async () => {
        const all = await story.podCidrs();
        return all.filter((row) => row.startsWith("node1 eth3")).length === 1 &&
          before.every((row) => all.includes(row))
          ? { value: true }
          : { not: all.join(" ") };
      });
      await story.cluster.enclosure.unplug(1);
      removeFunction(node.sysRoot, "eth3", "0000:00:06.0");
      await eventually("the block's end", async () => {
        const all = await story.podCidrs();
        return all.join() === before.join() ? { value: true } : { not: all.join(" ") };
      });
    });
  });

  test("a NIC that loses its carrier keeps its block, and its routes are back with it", async () => {
    const node = story.cluster.nodes[0];
    if (!node) throw new Error("no node");
    const routes = () => node.must(["ip", "route", "show", "table", "all", "proto", "77"]);
    const [before, routesBefore] = [await story.podCidrs(), await routes()];
    expect(routesBefore).toContain("dev eth2");
    const carrier = (up: boolean) =>
      eventually(`carrier ${up}`, async () => {
        const { body } = await story.on.api.call("GET", `${ours}/hostinterfaces/node1`);
        const nic = body.status.interfaces.find(
          (one: { interfaceName: string }) => one.interfaceName === "eth2",
        );
        return nic?.carrier === up ? { value: true } : { not: JSON.stringify(nic) };
      });
    await story.cluster.enclosure.setPort(1, 1, "down");
    await carrier(false);
    expect(await story.podCidrs()).toEqual(before);
    await story.cluster.enclosure.setPort(1, 1, "up");
    await carrier(true);
    await eventually("routes", async () => {
      const now = await routes();
      return now === routesBefore ? { value: true } : { not: now };
    });
    expect(await story.podCidrs()).toEqual(before);
    const [a, b] = story.talkers;
    if (a && b) await story.on.reaches(a, b);
  });

  test("a node that reboots keeps its blocks, and its pods come back on them", async () => {
    const before = await story.podCidrs();
    const node = story.cluster.nodes[1];
    if (!node) throw new Error("no node");
    const stayed = (pods: readonly SeenPod[]) =>
      addresses(pods.filter((p) => p.spec.nodeName === "node1"));
    const old = await story.on.running(label, many);
    const kept = stayed(old);
    const bootId = async () =>
      (await story.on.api.call("GET", "/api/v1/nodes/node2")).body.status.nodeInfo.bootID;
    const bootBefore = await bootId();
    await node.cut();
    await node.boot();
    // The API server tells of the old sandboxes until the kubelet has made new ones: other links, other MAC addresses.
    const macs = new Set(old.flatMap(nodeTwosMacs));
    const pods = await eventually(
      "pods in new sandboxes",
      async () => {
        const now = await story.on.running(label, many, 150_000);
        const same = now.flatMap(nodeTwosMacs).filter((mac) => macs.has(mac));
        return same.length === 0 ? { value: now } : { not: `${same.length} old links` };
      },
      150_000,
    );
    const bootNow = (await node.must(["cat", "/proc/sys/kernel/random/boot_id"])).trim();
    expect([await bootId(), bootBefore === bootNow]).toEqual([bootNow, false]);
    // nicd itself found the old attachments dead, by the boot id in its container, before anything asked it.
    const nicd = ["-l", "app=multi-nicd", "--field-selector", "spec.nodeName=node2"];
    const name = (
      await story.on.must(["-n", namespace, "get", "pod", ...nicd, "-o", "name"])
    ).trim();
    const said = await story.on.must(["-n", namespace, "logs", name]);
    const released = said.split("\n").find((line) => line.includes("of an earlier boot"));
    expect(JSON.parse(released ?? "{}")).toMatchObject({ count: many / 2, bootId: bootNow });
    expect(await story.podCidrs()).toEqual(before);
    expect(stayed(pods)).toEqual(kept);
    await story.on.mirrored(pods, 120_000);
    const [a, b] = ["node1", "node2"].map((name) => pods.find((p) => p.spec.nodeName === name));
    if (a && b) await story.on.reaches(a, b);
  });
}

/** Returns the MAC addresses of a pod's links when it runs on the node that reboots. */
function nodeTwosMacs(seen: SeenPod): string[] {
  if (seen.spec.nodeName !== "node2") return [];
  return attachedTo(seen, network).map((nic) => nic.mac ?? "");
}
