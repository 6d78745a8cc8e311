import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { installInto, planesNetwork } from "./installed.ts";
import { kubernetesVersion } from "./kubernetes-tools.ts";
import { attachedTo, pod, type SeenPod, workload } from "./pods.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";
import { type Conversation, network, scenario } from "./scenario.ts";

const ours = "/apis/multinic.fms.io/v1";

/** The scenario is one story: each step begins where the one before ended. */
describe("multinic on real nodes", () => {
  let cluster: RealCluster;
  let on: ReturnType<typeof scenario>;
  const label = "app=many";
  const many = 20;
  let talkers: SeenPod[] = [];

  beforeAll(async () => {
    cluster = await startRealCluster(["thin", "thick"]);
    on = scenario(cluster);
  });

  afterAll(async () => {
    await cluster?.stop();
  });

  test("operator and nicd come up on nodes with thin and with thick Multus, and NICs are found", async () => {
    await installInto(cluster, on);
    const nodes = await on.items("/api/v1/nodes");
    const versions = nodes.map((node) => node.status.nodeInfo.kubeletVersion);
    expect(versions).toEqual([kubernetesVersion(), kubernetesVersion()]);
    await eventually("HostInterfaces", async () => {
      const hosts = await on.items(`${ours}/hostinterfaces`);
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
    await on.apply(planesNetwork());
    await eventually("status Success", async () => {
      const { body } = await on.api.call("GET", `${ours}/multinicnetworks/${network}`);
      const { configStatus, routeStatus, discovery } = body.status ?? {};
      return configStatus === "Success" &&
        routeStatus === "Success" &&
        discovery.cidrProcessed === 2
        ? { value: true }
        : { not: JSON.stringify(body.status) };
    });
    const pools = await on.items(`${ours}/ippools`);
    const where = pools.map(({ spec }) => [spec.hostName, spec.interfaceName, spec.podCIDR]);
    expect(where.sort()).toEqual([
      ["node1", "eth1", "192.168.0.0/24"],
      ["node1", "eth2", "192.168.64.0/24"],
      ["node2", "eth1", "192.168.1.0/24"],
      ["node2", "eth2", "192.168.65.0/24"],
    ]);
    const namespaces = await on.items("/api/v1/namespaces");
    const nads = await on.items("/apis/k8s.cni.cncf.io/v1/network-attachment-definitions");
    const named = (list: { metadata: { name: string } }[]) => list.map((o) => o.metadata.name);
    expect(nads.map((nad) => nad.metadata.namespace).sort()).toEqual(named(namespaces).sort());
  });

  test("twenty pods of a Deployment have net1-0 and net1-1, told by Multus, each address once", async () => {
    await on.apply(workload("Deployment", "many", { replicas: many, networks: network }));
    const pods = await on.running(label, many);
    const all = pods.flatMap((p) => {
      const attached = attachedTo(p, network);
      expect(attached.map((nic) => nic.interface)).toEqual(["net1-0", "net1-1"]);
      return attached.flatMap((nic) => nic.ips);
    });
    expect(new Set(all).size).toBe(2 * many);
    const perNode = (n: number) => pods.filter((p) => p.spec.nodeName === `node${n}`).length;
    expect([perNode(1), perNode(2)]).toEqual([many / 2, many / 2]);
    await on.mirrored(pods);
  });

  test("pods of different nodes reach each other on both planes", async () => {
    const pods = await on.running(label, many);
    const [a, b] = ["node1", "node2"].map((name) => pods.find((p) => p.spec.nodeName === name));
    if (!a || !b) throw new Error("a node has no pod");
    await on.reaches(a, b);
    await on.reaches(b, a);
    talkers = [a, b];
  });

  /** Does something while pods of different nodes talk: no packet may be lost, no address change. */
  async function undisturbed(what: () => Promise<void>): Promise<void> {
    const before = addresses(await on.running(label, many));
    const [a, b] = talkers;
    if (!a || !b) throw new Error("no pods talk");
    const talks: Conversation[] = [await on.converse(a, b), await on.converse(b, a)];
    await what();
    for (const talk of talks) await talk.end();
    const after = await on.running(label, many);
    expect(addresses(after)).toEqual(before);
    await on.mirrored(after);
  }

  test("a restarted operator disturbs no pod", async () => {
    await undisturbed(async () => {
      await on.must(["-n", namespace, "rollout", "restart", operator]);
      await on.must(["-n", namespace, "rollout", "status", "--timeout=90s", operator]);
    });
  });

  test("a restarted nicd disturbs no pod, and pods started meanwhile wait for it", async () => {
    await undisturbed(async () => {
      await on.must(["-n", namespace, "delete", "pod", "-l", "app=multi-nicd", "--wait=false"]);
      for (const node of ["node1", "node2"]) {
        const labels = { app: "meanwhile" };
        await on.apply(pod(`meanwhile-${node}`, { networks: network, node, labels }));
      }
      await on.running("app=meanwhile", 2);
      await on.must(["-n", namespace, "rollout", "status", "--timeout=90s", "ds/multi-nicd"]);
      await on.must(["delete", "pod", "-l", "app=meanwhile"]);
    });
  });

  test("the API server restarts while pods talk, and pods that the kubelets know already start", async () => {
    await undisturbed(async () => {
      const labels = { app: "outage" };
      const sleepers = [1, 2, 3, 4].map((n) =>
        pod(`outage-${n}`, { networks: network, node: `node${(n % 2) + 1}`, labels }),
      );
      await on.apply(...sleepers);
      await cluster.withoutApiServer(async () => {});
      await on.running("app=outage", 4);
      await on.must(["delete", "pod", "-l", "app=outage"]);
    });
  });

  test("pods deleted by force are freed without a word from the API server", async () => {
    await undisturbed(async () => {
      const labels = { app: "forced" };
      const names = ["forced-1", "forced-2"];
      await on.apply(
        ...names.map((name, i) => pod(name, { networks: network, node: `node${i + 1}`, labels })),
      );
      await on.running("app=forced", 2);
      await on.must(["delete", "pod", ...names, "--grace-period=0", "--force"]);
    });
  });

  test("StatefulSet pods come back under the same name ten times, each time with addresses of their own", async () => {
    await undisturbed(async () => {
      await on.apply(workload("StatefulSet", "same", { replicas: 4, networks: network }));
      for (let round = 0; round < 10; round++) {
        const pods = await on.running("app=same", 4);
        const all = pods.flatMap((p) => addresses([p])[0]?.slice(1) ?? []);
        expect(new Set(all).size).toBe(8);
        await on.must(["delete", "pod", "-l", "app=same", "--wait=true", "--now"]);
      }
      await on.must(["delete", "statefulset", "same"]);
      await on.gone("app=same");
    });
  });

  test("deleted pods give everything back", async () => {
    await on.must(["delete", "deployment", "many", "--wait=false"]);
    await on.gone(label);
    await on.mirrored([]);
    for (const node of cluster.nodes) {
      expect(await node.must(["ip", "-br", "link", "show", "type", "macvlan"])).toBe("");
    }
  });
});

const namespace = "multi-nic-cni-operator";
const operator = "deploy/multi-nic-cni-operator-controller-manager";

/** Names and addresses of pods, in order. */
function addresses(pods: readonly SeenPod[]): string[][] {
  const rows = pods.map((p) => [
    p.metadata.name,
    ...attachedTo(p, network).flatMap((nic) => nic.ips),
  ]);
  return rows.sort((a, b) => String(a[0]).localeCompare(String(b[0])));
}
