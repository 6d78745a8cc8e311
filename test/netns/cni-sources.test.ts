import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { macvlanConfig } from "../support/cni.ts";
import { kernelHas, missing, type Scratch, scratch } from "../support/netns.ts";
import {
  clusterNetwork,
  greets,
  hears,
  type PeerNode,
  peerNode,
  planes,
  routePods,
} from "../support/peers.ts";

/** A process start takes 20 ms and more in the User-Mode Linux guest. */
const patience = 60_000;
const port = 5001;
const plugins = existsSync("/usr/lib/cni/host-local");
if (!plugins) missing("the package containernetworking-plugins");
/** There a case takes seconds, and what any kernel shows is shown outside. */
const inGuest = readFileSync("/proc/cpuinfo", "utf8").includes("User Mode Linux");
const has = { macvlan: kernelHas("macvlan"), ipvlan: kernelHas("ipvlan"), plugins };

const kinds = [
  { kind: "macvlan bridge", plugin: { type: "macvlan", mode: "bridge" }, needs: has.macvlan },
  { kind: "ipvlan l2", plugin: { type: "ipvlan", mode: "l2" }, needs: has.ipvlan },
  { kind: "ipvlan l3", plugin: { type: "ipvlan", mode: "l3" }, needs: has.ipvlan },
  { kind: "ipvlan l3s", plugin: { type: "ipvlan", mode: "l3s" }, needs: has.ipvlan },
  { kind: "host-device, delegated", plugin: { type: "host-device" }, needs: plugins },
].filter(({ kind }) => !inGuest || kind.startsWith("ipvlan"));
const multi = (type: string, of: (plane: (typeof planes)[number]) => object) => ({
  type: "multi-config",
  ipam_type: type,
  args: Object.fromEntries(planes.map((plane) => [plane.master, of(plane)])),
});
/** One family of what an IPAM gives; multi-nic-ipam's is that of its pools. */
const only = (family: 4 | 6 | undefined, four: object, six: object) =>
  [four, six].filter((_, i) => family === undefined || (i === 0) === (family === 4));
const ipamsOf = (family?: 4 | 6) => [
  { name: "multi-nic-ipam", ipam: { type: "multi-nic-ipam" }, needs: true },
  {
    name: "host-local",
    ipam: multi("host-local", ({ v4, v6, gateways }) => ({
      ranges: only(
        family,
        [{ subnet: v4, gateway: gateways[0] }],
        [{ subnet: v6, gateway: gateways[1] }],
      ),
    })),
    needs: plugins,
  },
  {
    name: "static",
    ipam: multi("static", ({ v4, v6 }) => ({
      addresses: only(
        family,
        { address: v4.replace("0/18", "9/18") },
        { address: v6.replace("/64", "9/64") },
      ),
    })),
    needs: true,
  },
];

let node: PeerNode;
beforeAll(async () => {
  node = await peerNode("src");
}, patience);
afterAll(() => node[Symbol.asyncDispose]());

/** The definition of one kind and one IPAM, with host-local's store in the test's own folder. */
function configOf(plugin: object, ipam: Record<string, unknown>, more: object = {}) {
  const text = JSON.stringify(ipam).replaceAll(
    '"ranges"',
    `"dataDir":${JSON.stringify(join(node.at.folder, "host-local"))},"ranges"`,
  );
  return macvlanConfig({
    plugin: { cniVersion: "1.0.0", ...plugin },
    ipam: JSON.parse(text),
    subnet: "192.168.0.0/16,fd00:192::/32",
    multiNICIPAM: ipam["type"] === "multi-nic-ipam",
    ...more,
  });
}

/** Global addresses of a NIC, v4 then v6. */
function addressesOf(pod: Scratch, name: string): string[] {
  const link = pod.kernel.link(name);
  return pod.kernel
    .addresses()
    .filter(({ index, scope }) => index === link?.index && scope === 0)
    .map(({ address }) => address.split("/")[0] ?? "")
    .sort((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
}

/** By which link the pod answers a peer. */
function wayTo(pod: Scratch, peer: string, src: string): string | undefined {
  const oif = pod.kernel.lookup(peer, { src })?.nexthops[0]?.oif;
  return oif === undefined ? undefined : pod.kernel.link(oif)?.name;
}

/** Which peers get an answer, each asking the pod's NIC on its own plane. */
async function answered(pod: Scratch): Promise<string[]> {
  using _server = greets(pod, port);
  const out: string[] = [];
  for (const [i, plane] of planes.entries()) {
    const peer = node.far[i];
    for (const address of addressesOf(pod, `net1-${i}`)) {
      const asks = plane.peers[address.includes(":") ? 1 : 0];
      if (!peer) continue;
      expect(wayTo(pod, asks, address)).toBe(`net1-${i}`);
      out.push(await hears(peer, address, port));
    }
  }
  return out;
}

/** The cases of a kind: both families with every IPAM, and each alone with macvlan, where a case takes 0.2 s. */
function casesOf(kind: string) {
  const both = ipamsOf().map((ipam) => ({ ...ipam, family: undefined, words: "both families" }));
  if (!kind.startsWith("macvlan") || has.ipvlan) return both;
  const alone = ([4, 6] as const).flatMap((family) =>
    ipamsOf(family)
      .filter(({ name }) => name !== "multi-nic-ipam")
      .map((ipam) => ({ ...ipam, family, words: `IPv${family} alone` })),
  );
  return [...both, ...alone];
}

describe("sourceRouting", () => {
  test.if(has.macvlan)("without it answers go the cluster network's way", async () => {
    using pod = scratch("plain");
    clusterNetwork(pod);
    const call = { containerID: "plain", netns: pod.netns.path };
    const config = configOf({ type: "macvlan" }, { type: "multi-nic-ipam" });
    expect((await node.at.call({ ...call, config, command: "ADD" })).exitCode).toBe(0);
    for (const [i, { peers }] of planes.entries()) {
      const [four = "", six = ""] = addressesOf(pod, `net1-${i}`);
      expect([wayTo(pod, peers[0], four), wayTo(pod, peers[1], six)]).toEqual(["eth0", "eth0"]);
    }
    expect((await node.at.call({ ...call, config, command: "DEL" })).exitCode).toBe(0);
  });

  test.if(has.macvlan)("CHECK says which rule and which default route are gone", async () => {
    using pod = scratch("gone");
    const call = { containerID: "gone", netns: pod.netns.path };
    const config = configOf(
      { type: "macvlan" },
      { type: "multi-nic-ipam" },
      { sourceRouting: true },
    );
    const added = await node.at.call({ ...call, config, command: "ADD" });
    const [four = ""] = addressesOf(pod, "net1-0");
    const table = 30000 + (pod.kernel.link("net1-0")?.index ?? 0);
    pod.ip("rule", "del", "from", four);
    pod.ip("-6", "route", "flush", "table", String(table));
    const check = { ...config, prevResult: added.json };
    const { json } = await node.at.call({ ...call, config: check, command: "CHECK" });
    expect(json["details"]).toBe(
      `the pod has no rule from ${four}/18 to net1-0's table ${table}; ` +
        `net1-0's table ${table} has no IPv6 default route`,
    );
    expect((await node.at.call({ ...call, config, command: "DEL" })).exitCode).toBe(0);
  });

  for (const { kind, plugin, needs } of kinds) {
    for (const { name, ipam, needs: also, family, words } of casesOf(kind)) {
      test.if(needs && also)(
        `answers off-subnet peers by the NIC they came in on: ${kind} with ${name}, ${words}, right after ADD`,
        async () => {
          using pod = scratch("src");
          clusterNetwork(pod);
          routePods(node, kind.startsWith("ipvlan l3") ? "by host" : "on-link");
          const config = configOf(plugin, ipam, { sourceRouting: true });
          const containerID = `${kind}-${name}-${words}`.replaceAll(/[^a-z0-9]+/g, "-");
          const call = { containerID, netns: pod.netns.path, config };
          const added = await node.at.call({ ...call, command: "ADD" });
          expect([added.exitCode, added.json["msg"], added.json["details"]]).toEqual([
            0,
            undefined,
            undefined,
          ]);
          const asking = planes.flatMap(({ peers }) =>
            peers.filter((peer) => !family || peer.includes(":") === (family === 6)),
          );
          expect(await answered(pod)).toEqual(asking);
          const check = { ...config, prevResult: added.json };
          const checked = await node.at.call({ ...call, command: "CHECK", config: check });
          expect(checked.out).toBe("");
          expect((await node.at.call({ ...call, command: "DEL" })).exitCode).toBe(0);
          expect(pod.ip("rule", "show").map((rule) => rule["priority"])).toEqual([0, 32766, 32767]);
          expect(pod.ip("-6", "rule", "show").map((rule) => rule["priority"])).toEqual([0, 32766]);
        },
        patience,
      );
    }
  }
});
