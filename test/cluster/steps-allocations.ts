import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { addDevice, removeDevice } from "../../src/lib/lab/sysfs.ts";
import { parseCheckpoint } from "../../src/lib/linux/kubeletcheckpoint.ts";
import { listPodResources } from "../../src/lib/nicd/podresources.ts";
import type { ExplainReply } from "../../src/lib/node/contract.ts";
import { startDevicePlugin } from "../support/deviceplugin.ts";
import { multinic } from "../support/lab.ts";
import { pod } from "./pods.ts";
import type { Story } from "./story.ts";

const gpus = [
  { id: "0000:00:10.0", numaNode: 0 },
  { id: "0000:00:11.0", numaNode: 1 },
];
const functions = [
  { id: "0000:00:04.1", numaNode: 0 },
  { id: "0000:00:05.1", numaNode: 1 },
];

/** Devices that the real kubelet gives to pods. */
export function allocationSteps(story: Story): void {
  test("a pod gets the NIC on the NUMA node of the GPU that the kubelet gave to it", async () => {
    const node = story.cluster.nodes[0];
    if (!node) throw new Error("no node");
    const kubelet = join(story.cluster.folder, node.name, "kubelet");
    const plugins = join(kubelet, "device-plugins");
    for (const { id, numaNode } of gpus) {
      addDevice(node.sysRoot, { pciAddress: id, numaNode, driver: "nvidia" }, "030200");
    }
    await using gpuPlugin = await startDevicePlugin(plugins, {
      resource: "example.com/gpu",
      devices: gpus,
    });
    await using nicPlugin = await startDevicePlugin(plugins, {
      resource: "example.com/nic",
      devices: functions,
    });
    await Promise.all([gpuPlugin.listed, nicPlugin.listed]);
    await eventually("the node's devices", async () => {
      const { body } = await story.on.api.call("GET", `/api/v1/nodes/${node.name}`);
      const { "example.com/gpu": g, "example.com/nic": n } = body.status.allocatable;
      return g === "2" && n === "2" ? { value: true } : { not: `${g} GPUs, ${n} functions` };
    });
    await story.on.apply(near, vf);
    await eventually("their definitions", async () => {
      const path = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions";
      const names = (await story.on.items(path)).map(({ metadata }) => metadata.name);
      return names.includes("near") && names.includes("vf")
        ? { value: true }
        : { not: names.join() };
    });
    const networks = JSON.stringify([{ name: "near", "cni-args": { nics: 1 } }]);
    const names = ["gpu-1", "gpu-2"];
    const labels = { app: "gpu" };
    await story.on.apply(
      ...names.map((name) => withDevices(pod(name, { networks, node: node.name, labels }))),
    );
    const pods = await story.on.running("app=gpu", 2);

    // What the kubelet wrote and what it answers say the same.
    const record = parseCheckpoint(
      readFileSync(join(plugins, "kubelet_internal_checkpoint"), "utf8"),
    );
    const answer = await listPodResources(join(kubelet, "pod-resources/kubelet.sock"));
    const taken: string[] = [];
    for (const { metadata } of pods) {
      const own = record.filter((device) => device.podUID === metadata.uid);
      const asked = answer.find(({ name }) => name === metadata.name)?.devices ?? [];
      const sorted = (
        list: readonly { resource: string; id: string; numaNode?: number | undefined }[],
      ) => list.map(({ resource, id, numaNode }) => `${resource} ${id} ${numaNode}`).sort();
      expect(sorted(own)).toEqual(sorted(asked));
      const gpu = own.find(({ resource }) => resource === "example.com/gpu");
      const nic = own.find(({ resource }) => resource === "example.com/nic");
      const { numaNode } = gpus.find(({ id }) => id === gpu?.id) ?? {};

      // The made tree has eth1 on node 0 and eth2 on node 1.
      const words = [
        "explain",
        "--pod",
        `default/${metadata.name}`,
        "--networks",
        "vf",
        "-o",
        "json",
      ];
      const told = JSON.parse(await node.must([multinic, ...words])) as ExplainReply;
      const [attached] = told.attached;
      expect(attached?.interfaces.map(({ master }) => master)).toEqual([
        numaNode === 0 ? "eth1" : "eth2",
      ]);
      expect(attached?.reason).toContain(`closest to GPU ${gpu?.id} (same NUMA node`);
      // Its functions are what a network of that resource would give to it, and no other pod's.
      expect(told.tries[0]?.chosen.map(({ pciAddress }) => pciAddress)).toEqual([nic?.id ?? ""]);
      taken.push(gpu?.id ?? "", nic?.id ?? "");
    }
    expect(new Set(taken).size).toBe(4);
    await story.on.must(["delete", "pod", ...names, "--now"]);
    await story.on.gone("app=gpu");
    await story.on.must(["delete", "multinicnetwork", "near", "vf", "--wait=false"]);
    await story.networkGone("near");
    await story.networkGone("vf");
    for (const { id } of gpus) removeDevice(node.sysRoot, id);
    expect(existsSync(join(node.sysRoot, "bus/pci/devices/0000:00:10.0"))).toBe(false);
  });
}

function withDevices(made: ReturnType<typeof pod>) {
  const limits = { "example.com/gpu": "1", "example.com/nic": "1" };
  const containers = made.spec.containers.map((one) => ({ ...one, resources: { limits } }));
  return { ...made, spec: { ...made.spec, containers } };
}

const meta = { apiVersion: "multinic.fms.io/v1", kind: "MultiNicNetwork" };
const ipam = (own: object) => JSON.stringify({ type: "multi-nic-ipam", ...own });
const near = {
  ...meta,
  metadata: { name: "near" },
  spec: {
    subnet: "172.29.0.0/16",
    ipam: ipam({ hostBlock: 6, interfaceBlock: 2, vlanMode: "l2" }),
    multiNICIPAM: true,
    plugin: { cniVersion: "1.0.0", type: "macvlan", args: { mode: "bridge" } },
    attachPolicy: { strategy: "topology" },
    namespaces: ["default"],
  },
};
const vf = {
  ...meta,
  metadata: { name: "vf" },
  spec: {
    ipam: JSON.stringify({ type: "host-local", subnet: "172.30.0.0/16" }),
    plugin: { cniVersion: "1.0.0", type: "sriov", args: { resourceName: "example.com/nic" } },
    namespaces: ["default"],
  },
};
