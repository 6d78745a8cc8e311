import { expect, test } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { installInto, planesNetwork } from "./installed.ts";
import { kubernetesVersion } from "./kubernetes-tools.ts";
import { attachedTo, workload } from "./pods.ts";
import { network } from "./scenario.ts";
import { label, many, ours, type Story } from "./story.ts";

/** Installation, the first network and its first pods. */
export function installSteps(story: Story): void {
  test("operator and nicd come up on nodes with thin and with thick Multus, and NICs are found", async () => {
    await installInto(story.cluster, story.on);
    const nodes = await story.on.items("/api/v1/nodes");
    const versions = nodes.map((node) => node.status.nodeInfo.kubeletVersion);
    expect(versions).toEqual([kubernetesVersion(), kubernetesVersion()]);
    await eventually("HostInterfaces", async () => {
      const hosts = await story.on.items(`${ours}/hostinterfaces`);
      const rows = hosts.map((host) => [
        host.metadata.name,
        ...host.spec.interfaces.map((nic: { netAddress: string }) => nic.netAddress),
      ]);
      const nets = ["10.0.1.0/24", "10.0.2.0/24"];
      const wanted = JSON.stringify([
        ["node1", ...nets],
        ["node2", ...nets],
      ]);
      const found = JSON.stringify(rows);
      return found === wanted ? { value: true } : { not: found };
    });
  });

  test("a network gets its plan, its pools, and a definition in every namespace", async () => {
    await story.on.apply(planesNetwork());
    await eventually("status Success", async () => {
      const { body } = await story.on.api.call("GET", `${ours}/multinicnetworks/${network}`);
      const { configStatus, routeStatus, discovery } = body.status ?? {};
      return configStatus === "Success" &&
        routeStatus === "Success" &&
        discovery.cidrProcessed === 2
        ? { value: true }
        : { not: JSON.stringify(body.status) };
    });
    const pools = await story.on.items(`${ours}/ippools`);
    const where = pools.map(({ spec }) => [spec.hostName, spec.interfaceName, spec.podCIDR]);
    expect(where.sort()).toEqual([
      ["node1", "eth1", "192.168.0.0/24"],
      ["node1", "eth2", "192.168.64.0/24"],
      ["node2", "eth1", "192.168.1.0/24"],
      ["node2", "eth2", "192.168.65.0/24"],
    ]);
    const namespaces = await story.on.items("/api/v1/namespaces");
    const nads = await story.on.items("/apis/k8s.cni.cncf.io/v1/network-attachment-definitions");
    const named = (list: { metadata: { name: string } }[]) => list.map((o) => o.metadata.name);
    expect(nads.map((nad) => nad.metadata.namespace).sort()).toEqual(named(namespaces).sort());
  });

  test("twenty pods of a Deployment have net1-0 and net1-1, told by Multus, each address once", async () => {
    await story.on.apply(workload("Deployment", "many", { replicas: many, networks: network }));
    const pods = await story.on.running(label, many);
    const all = pods.flatMap((p) => {
      const attached = attachedTo(p, network);
      expect(attached.map((nic) => nic.interface)).toEqual(["net1-0", "net1-1"]);
      return attached.flatMap((nic) => nic.ips);
    });
    expect(new Set(all).size).toBe(2 * many);
    const perNode = (n: number) => pods.filter((p) => p.spec.nodeName === `node${n}`).length;
    expect([perNode(1), perNode(2)]).toEqual([many / 2, many / 2]);
    await story.on.mirrored(pods);
  });

  test("pods of different nodes reach each other on both planes", async () => {
    const pods = await story.on.running(label, many);
    const [a, b] = ["node1", "node2"].map((name) => pods.find((p) => p.spec.nodeName === name));
    if (!a || !b) throw new Error("a node has no pod");
    await story.on.reaches(a, b);
    await story.on.reaches(b, a);
    story.talkers = [a, b];
  });

  test("finalizers that v1.3 left on generated objects come off", async () => {
    const [pool] = await story.on.items(`${ours}/ippools`);
    const left = [
      [`cidrs/${network}`, "cidr"],
      ["hostinterfaces/node1", "hostinterface"],
      [`ippools/${pool.metadata.name}`, "ippool"],
    ];
    for (const [path, kind] of left) {
      const body = { metadata: { finalizers: [`finalizers.${kind}.multinic.fms.io`] } };
      const type = "application/merge-patch+json";
      const put = await story.on.api.call("PATCH", `${ours}/${path}`, { type, body });
      expect(put.status).toBe(200);
      await eventually(`${path} without a finalizer`, async () => {
        const { metadata } = (await story.on.api.call("GET", `${ours}/${path}`)).body;
        return metadata.finalizers === undefined ? { value: true } : { not: metadata.finalizers };
      });
    }
  });
}
