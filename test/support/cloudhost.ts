import type { IPPool } from "../../src/lib/api/kinds.ts";
import { inside } from "../../src/lib/linux/netns.ts";
import { host1 } from "./attachments.ts";
import { type CniNode, cniNode } from "./cni.ts";
import { type FakeCloud, fakeCloud } from "./ec2.ts";

/** The worked example's NICs with a row of each family, as an instance has them. */
export const cloudNics = host1
  .map(({ pciAddress: _, ...nic }) => nic)
  .flatMap((nic, i) => [
    nic,
    { ...nic, netAddress: `fd00:10:${i + 1}::/64`, hostIP: `fd00:10:${i + 1}::a` },
  ]);

/** A node on an instance: its NICs have their own addresses, and IMDS and EC2 answer where the program looks for them. */
export class CloudHost implements AsyncDisposable {
  readonly at: CniNode;
  cloud: FakeCloud;
  readonly #servers: { stop(hard: boolean): Promise<void> }[] = [];

  private constructor(at: CniNode) {
    this.at = at;
    this.cloud = this.#made();
    const { host } = at;
    // The metadata's own address and port, so that the program finds it as on an instance.
    host.kernel.addAddress(1, "169.254.169.254/32");
    for (const n of [1, 2]) {
      const index = host.kernel.link(`eth${n}`)?.index ?? 0;
      host.kernel.addAddress(index, `10.0.${n}.10/24`);
      host.kernel.addAddress(index, `fd00:10:${n}::a/64`, { nodad: true });
    }
    this.#serve("169.254.169.254", 80, "imds");
    this.#serve("127.0.0.1", 8099, "ec2");
  }

  static async start(name: string, pools: readonly IPPool[]): Promise<CloudHost> {
    return new CloudHost(await cniNode(name, { nics: cloudNics, pools }));
  }

  /** Begins with an EC2 that has assigned nothing. */
  renew(): void {
    this.cloud = this.#made();
  }

  /** What EC2 has on the NICs beside their own addresses. */
  assigned(): string[] {
    return this.cloud.enis.flatMap(({ secondary, six }) => [...secondary, ...six.slice(1)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop(true)));
    await this.at[Symbol.asyncDispose]();
  }

  #made(): FakeCloud {
    const mac = (n: number) => this.at.host.kernel.link(`eth${n}`)?.mac ?? "";
    return fakeCloud([1, 2].map((n) => ({ mac: mac(n), six: [`fd00:10:${n}::a`] })));
  }

  #serve(hostname: string, port: number, of: "imds" | "ec2"): void {
    const answer = (request: Request) => this.cloud[of](request);
    const { netns } = this.at.host;
    this.#servers.push(inside(netns, () => Bun.serve({ hostname, port, fetch: answer })));
  }
}
