import { expect } from "bun:test";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { attachedTo, type SeenPod } from "./pods.ts";
import type { RealCluster } from "./real-cluster.ts";
import { type Conversation, network, type Scenario, scenario } from "./scenario.ts";

export const ours = "/apis/multinic.fms.io/v1";
export const nads = "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions";
export const operator = "deploy/multi-nic-cni-operator-controller-manager";

/** The pods that live through most of the story. */
export const label = "app=many";
export const many = 20;

/** What the steps share: each begins where the one before ended. */
export class Story {
  /** One pod of each of the first two nodes. */
  talkers: SeenPod[] = [];
  #cluster: RealCluster | undefined;
  #on: Scenario | undefined;

  begin(cluster: RealCluster): void {
    this.#cluster = cluster;
    this.#on = scenario(cluster);
  }

  get cluster(): RealCluster {
    if (!this.#cluster) throw new Error("no cluster runs");
    return this.#cluster;
  }

  get on(): Scenario {
    if (!this.#on) throw new Error("no cluster runs");
    return this.#on;
  }

  /** Does something while pods of different nodes talk: no packet may be lost, no address change. */
  async undisturbed(what: () => Promise<void>): Promise<void> {
    const before = addresses(await this.on.running(label, many));
    const [a, b] = this.talkers;
    if (!a || !b) throw new Error("no pods talk");
    const talks: Conversation[] = [await this.on.converse(a, b), await this.on.converse(b, a)];
    const ended = () => Promise.all(talks.map((talk) => talk.end()));
    await what().catch(async (error) => {
      await ended().catch(() => {});
      throw error;
    });
    await ended();
    const after = await this.on.running(label, many);
    expect(addresses(after)).toEqual(before);
    await this.on.mirrored(after);
  }

  /** Returns every block that a pool of the network stands for, `host NIC CIDR`, in order. */
  async podCidrs(): Promise<string[]> {
    const pools = await this.on.items(`${ours}/ippools?labelSelector=netname%3D${network}`);
    return pools.map(({ spec }) => `${spec.hostName} ${spec.interfaceName} ${spec.podCIDR}`).sort();
  }

  /** Waits until nothing is left of a network. */
  async networkGone(name: string): Promise<void> {
    await eventually(
      `the end of ${name}`,
      async () => {
        const { status, body } = await this.on.api.call("GET", `${ours}/multinicnetworks/${name}`);
        const pools = await this.on.items(`${ours}/ippools?labelSelector=netname%3D${name}`);
        return status === 404 && pools.length === 0
          ? { value: true }
          : { not: `${pools.length} pools, ${JSON.stringify(body.status)}` };
      },
      120_000,
    );
  }
}

/** Returns names and addresses of pods, in order. */
export function addresses(pods: readonly SeenPod[]): string[][] {
  const rows = pods.map((p) => [
    p.metadata.name,
    ...attachedTo(p, network).flatMap((nic) => nic.ips),
  ]);
  return rows.sort((a, b) => String(a[0]).localeCompare(String(b[0])));
}
