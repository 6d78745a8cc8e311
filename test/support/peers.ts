import type { IPPool } from "../../src/lib/api/kinds.ts";
import { inside } from "../../src/lib/linux/netns.ts";
import { host1, pool } from "./attachments.ts";
import { type CniNode, cniNode } from "./cni.ts";
import { type Scratch, scratch } from "./netns.ts";

/** One plane of the worked example in both families, and who is at the other end of its cable. */
export interface Plane {
  readonly master: string;
  /** Pods' networks on it. */
  readonly v4: string;
  readonly v6: string;
  /** The host's own addresses, and the networks that they are in. */
  readonly host: readonly string[];
  /** The router's addresses in the pods' networks. */
  readonly gateways: readonly [string, string];
  /** Addresses at the far end that are in no network of the pods or of the host. */
  readonly peers: readonly [string, string];
  readonly peerNets: readonly [string, string];
  /** The far end's addresses on the host's network. */
  readonly wire: readonly [string, string];
}

export const planes: readonly Plane[] = [0, 1].map((i) => ({
  master: `eth${i + 1}`,
  v4: `192.168.${i * 64}.0/18`,
  v6: `fd00:192:${i}::/64`,
  host: [`10.0.${i + 1}.1/24`, `fd00:10:${i + 1}::1/64`],
  wire: [`10.0.${i + 1}.254/24`, `fd00:10:${i + 1}::fe/64`],
  gateways: [`192.168.${i * 64 + 63}.254`, `fd00:192:${i}:0:ffff::1`],
  peers: [`10.99.${i + 1}.1`, `fd00:99:${i + 1}::1`],
  peerNets: [`10.99.${i + 1}.0/24`, `fd00:99:${i + 1}::/64`],
}));

/** Pools that give the first pod .1 and ::1 on each plane. */
export const peerPools: readonly IPPool[] = planes.flatMap(({ master, v4, v6 }) => [
  pool(master, v4.replace("/18", "/24"), v4),
  pool(master, v6.replace("/64", "/72"), v6),
]);

/** Host1, with both planes' cables ending in namespaces of their own. */
export interface PeerNode extends AsyncDisposable {
  readonly at: CniNode;
  /** One far end for each plane. */
  readonly far: readonly Scratch[];
}

/** Makes host1 with dual-stack planes; `routed` = the far ends send pods' packets to the host's address (ipvlan l3). */
export async function peerNode(label: string): Promise<PeerNode> {
  const at = await cniNode(label, { nics: rows, pools: peerPools });
  const far = planes.map((_, i) => scratch(`${label}-far${i}`));
  for (const [i, plane] of planes.entries()) {
    const end = far[i];
    const { host } = at;
    const cable = host.kernel.link(`${plane.master}-far`)?.index ?? 0;
    const master = host.kernel.link(plane.master)?.index ?? 0;
    if (!end) continue;
    host.kernel.setLink(cable, { netnsFd: end.netns.fd });
    give(host, master, plane.host);
    for (const dst of plane.peerNets) host.ip("route", "add", dst, "dev", plane.master);
    const inside = end.kernel.link(`${plane.master}-far`)?.index ?? 0;
    const [gw4, gw6] = plane.gateways;
    const [peer4, peer6] = plane.peers;
    give(end, inside, [`${peer4}/24`, `${peer6}/64`, `${gw4}/32`, `${gw6}/128`, ...plane.wire]);
    end.kernel.setLink(inside, { up: true });
    // A cable that was moved comes up anew at both ends.
    host.kernel.setLink(master, { up: true });
    give(host, master, plane.host);
  }
  return {
    at,
    far,
    async [Symbol.asyncDispose]() {
      await at[Symbol.asyncDispose]();
      for (const end of far) end[Symbol.dispose]();
    },
  };
}

/** Has the far ends reach the pods on the wire (`l2`), or by the host's address as ipvlan l3 wants it. */
export function routePods({ far }: PeerNode, way: "on-link" | "by host"): void {
  for (const [i, plane] of planes.entries()) {
    const nets = [plane.v4, plane.v6];
    for (const [n, net] of nets.entries()) {
      const via = way === "by host" ? ["via", bare(plane.host[n] ?? "")] : [];
      const to = [net, ...via, "dev", `${plane.master}-far`, "src", plane.peers[n] ?? ""];
      far[i]?.ip("route", "replace", ...to);
    }
  }
}

/** The pod's cluster network: a default route of each family into a namespace that answers nobody. */
export function clusterNetwork(pod: Scratch): void {
  pod.kernel.addLink("eth0", { kind: "veth", peer: { name: "nowhere" } });
  const index = pod.kernel.link("eth0")?.index ?? 0;
  give(pod, index, ["10.244.0.7/24", "fd00:244::7/64"]);
  pod.kernel.setLink(pod.kernel.link("nowhere")?.index ?? 0, { up: true });
  pod.kernel.setLink(index, { up: true });
  pod.ip("route", "add", "default", "dev", "eth0");
  pod.ip("-6", "route", "add", "default", "dev", "eth0");
}

/** Tells each TCP client the address that it is seen with, inside a namespace and on every address of both families. */
export function greets(space: Scratch, port: number): Disposable {
  const socket = {
    open: (client: Client) => void client.end(client.remoteAddress.replace("::ffff:", "")),
    data() {},
  };
  return inside(space.netns, () => Bun.listen({ hostname: "::", port, socket }));
}

/** Opens a TCP connection from inside a namespace and returns what it hears; says why when it cannot. */
export function hears(from: Scratch, to: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = {
      data: (_: unknown, bytes: Uint8Array) => resolve(new TextDecoder().decode(bytes)),
      error: (_: unknown, error: Error) => resolve(error.message),
      connectError: (_: unknown, error: Error) => resolve(error.message),
      close: () => resolve("closed"),
    };
    // For an address no resolver's thread is asked: the socket is opened here, in the namespace.
    inside(from.netns, () => Bun.connect({ hostname: to, port, socket })).catch(() => {});
  });
}

interface Client {
  readonly remoteAddress: string;
  end(text: string): unknown;
}

const rows = host1
  .map(({ pciAddress: _, ...nic }) => nic)
  .flatMap((nic, i) => [
    nic,
    { ...nic, netAddress: `fd00:10:${i + 1}::/64`, hostIP: `fd00:10:${i + 1}::1` },
  ]);

function give(space: Scratch, index: number, addresses: readonly string[]): void {
  for (const address of addresses)
    space.kernel.addAddress(index, address, { nodad: address.includes(":") });
}

function bare(address: string): string {
  return address.split("/")[0] ?? "";
}
