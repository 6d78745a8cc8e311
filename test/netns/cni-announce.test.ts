import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { settleAddresses } from "../../src/lib/cni/settle.ts";
import { silentLog } from "../../src/lib/log.ts";
import { macvlanConfig } from "../support/cni.ts";
import { kernelHas, type Scratch, scratch } from "../support/netns.ts";
import { greets, hears, type PeerNode, peerNode, planes, routePods } from "../support/peers.ts";

const able = kernelHas("macvlan");
const patience = 60_000;
const port = 5002;
let node: PeerNode;
beforeAll(async () => {
  node = await peerNode("ann");
  routePods(node, "on-link");
}, patience);
afterAll(() => node[Symbol.asyncDispose]());

/** The Ethernet address that a namespace knows for an address. */
function knows(space: Scratch, address: string): string {
  const found = space.ip("neigh", "show", address);
  return String(found[0]?.["lladdr"]);
}

async function until(wanted: () => boolean): Promise<boolean> {
  const deadline = Bun.nanoseconds() + 10e9;
  while (!wanted() && Bun.nanoseconds() < deadline) await Bun.sleep(20);
  return wanted();
}

describe.if(able)("multi-nic ADD", () => {
  test(
    "tells peers that an address has a new owner, in both families, before anybody asks",
    async () => {
      const addresses = ["192.168.0.77", "fd00:192::77"];
      const ipam = {
        type: "static",
        addresses: [{ address: "192.168.0.77/18" }, { address: "fd00:192::77/64" }],
      };
      const asked = { args: { cni: { nics: 1 } }, sourceRouting: true };
      const config = macvlanConfig({ multiNICIPAM: false, ipam, ...asked });
      const peer = node.far[0];
      if (!peer) throw new Error("no far end");
      for (const containerID of ["first", "second"]) {
        using pod = scratch(containerID);
        const call = { containerID, netns: pod.netns.path, config };
        expect((await node.at.call({ ...call, command: "ADD" })).json["msg"]).toBeUndefined();
        const mac = pod.kernel.link("net1-0")?.mac ?? "";
        if (containerID === "second") {
          for (const address of addresses)
            expect(await until(() => knows(peer, address) === mac)).toBe(true);
        }
        using _server = greets(pod, port);
        const [four, six] = planes[0]?.peers ?? ["", ""];
        expect(await hears(peer, addresses[0] ?? "", port)).toBe(four);
        expect(await hears(peer, addresses[1] ?? "", port)).toBe(six);
        expect(knows(peer, addresses[1] ?? "")).toBe(mac);
        expect((await node.at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
      }
    },
    patience,
  );

  test(
    "sets IPv6 up in a pod where the runtime switched it off",
    async () => {
      using pod = scratch("nosix");
      const off = "for s in all default; do echo 1 > /proc/sys/net/ipv6/conf/$s/disable_ipv6; done";
      Bun.spawnSync(["nsenter", `--net=${pod.netns.path}`, "sh", "-c", off]);
      const config = macvlanConfig({ subnet: "192.168.0.0/16,fd00:192::/32" });
      const call = { containerID: "nosix", netns: pod.netns.path, config };
      expect((await node.at.call({ ...call, command: "ADD" })).json["msg"]).toBeUndefined();
      const six = pod.kernel.addresses(6).filter(({ scope }) => scope === 0);
      expect(six.map(({ flags }) => flags & 0x48)).toEqual([0, 0]);
      expect((await node.at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
    },
    patience,
  );
});

describe("settleAddresses on the kernel", () => {
  /** Two namespaces on one wire; the address is on `far` already when `taken`. */
  async function settling(taken: boolean): Promise<void> {
    using pod = scratch(`dad${taken}`);
    using far = scratch(`far${taken}`);
    pod.kernel.addLink("net1-0", { kind: "veth", peer: { name: "far0", netnsFd: far.netns.fd } });
    const there = far.kernel.link("far0")?.index ?? 0;
    if (taken) far.kernel.addAddress(there, "fd00:7::7/64", { nodad: true });
    far.kernel.setLink(there, { up: true });
    const here = pod.kernel.link("net1-0")?.index ?? 0;
    pod.kernel.setLink(here, { up: true });
    pod.kernel.addAddress(here, "fd00:7::7/64");
    const result = {
      interfaces: [{ name: "net1-0", sandbox: "/pod" }],
      ips: [{ address: "fd00:7::7/64", interface: 0 }],
      routes: [],
      dns: {},
    };
    expect((pod.kernel.addresses(6).find(({ scope }) => scope === 0)?.flags ?? 0) & 0x40).toBe(
      0x40,
    );
    const pause = (ms: number) => Bun.sleep(ms);
    await settleAddresses(pod.kernel, result, { pause, log: silentLog });
    expect((pod.kernel.addresses(6).find(({ scope }) => scope === 0)?.flags ?? 0) & 0x48).toBe(0);
  }

  test("waits until the kernel has looked for another owner", () => settling(false), patience);

  test(
    "names an address that another node on the wire has",
    async () => {
      await expect(settling(true)).rejects.toThrow("The pod cannot use fd00:7::7/64");
    },
    patience,
  );
});
