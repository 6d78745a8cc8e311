import { expect } from "bun:test";
import { join } from "node:path";
import type { HostInterfaceRow, IPPool } from "../../src/lib/api/kinds.ts";
import { type Cell, type Families, familiesOf, nameOf } from "./attachmentcells.ts";
import { nic, pool } from "./attachments.ts";
import { type CniCall, type CniNode, cniNode } from "./cni.ts";
import { type Scratch, scratch } from "./netns.ts";

/** What `plugin` of the definition holds for each kind; CNI version 1.0.0 reaches every plugin. */
const plugins: Readonly<Record<string, Record<string, unknown>>> = {
  macvlan: { type: "macvlan", mode: "bridge" },
  "macvlan, delegated": { type: "macvlan", mode: "bridge", delegate: true },
  "ipvlan l2": { type: "ipvlan", mode: "l2" },
  "ipvlan l3": { type: "ipvlan", mode: "l3" },
  "ipvlan l3s": { type: "ipvlan", mode: "l3s" },
  "ipvlan l2, delegated": { type: "ipvlan", mode: "l2", delegate: true },
  "host-device": { type: "host-device" },
  "any other (bridge)": { type: "bridge", bridge: "br0" },
};

const masters = ["eth1", "eth2"] as const;
const planes = {
  4: { host: ["10.0.1.", "10.0.2."], pod: ["192.168.0.", "192.168.64."], vlan: 18, block: 24 },
  6: {
    host: ["fd00:1::", "fd00:2::"],
    pod: ["fd00:a8::", "fd00:a8:0:4000::"],
    vlan: 50,
    block: 112,
  },
} as const;
const subnets = { 4: "192.168.0.0/16", 6: "fd00:a8::/48" };

/** Makes a host with two dual-stack NICs, and pools for a network of each family and of both. */
export async function matrixNode(label: string): Promise<CniNode> {
  // Without PCI addresses, so that host-device takes a NIC by its name.
  const rows: HostInterfaceRow[] = masters.flatMap((master, i) =>
    ([4, 6] as const).map((family) => {
      const { pciAddress: _, ...row } = nic(master, hostNet(family, i), hostIP(family, i), "");
      return row;
    }),
  );
  const pools: IPPool[] = (["IPv4", "IPv6", "dual stack"] as const).flatMap((families) =>
    familiesOf(families).flatMap((family) =>
      masters.map((master, i) => {
        const { pod, vlan, block } = planes[family];
        const base = family === 4 ? `${pod[i]}0` : `${pod[i]}`;
        const made = pool(master, `${base}/${block}`, `${base}/${vlan}`, {
          netAttachDef: networkOf(families),
        });
        const name = made.metadata.name.replaceAll(":", "-");
        return { ...made, metadata: { name } };
      }),
    ),
  );
  const made = await cniNode(label, { nics: rows, pools });
  for (const families of ["IPv4", "IPv6", "dual stack"] as const) {
    const subnet = familiesOf(families).map((family) => subnets[family]);
    made.node.view.put({
      apiVersion: "multinic.fms.io/v1",
      kind: "MultiNicNetwork",
      metadata: { name: networkOf(families) },
      spec: { ipam: "{}", plugin: { type: "macvlan" }, subnet: subnet.join(",") },
    });
  }
  return made;
}

/**
 * Attaches pods, compares addresses with the kernel's, sends a packet over every NIC at once after ADD, CHECKs, detaches,
 * and sees that nothing is left: links, addresses, records.
 */
export async function runCell(
  at: CniNode,
  cell: Cell,
  /** CNI_PATH, when not our plugins and Debian's. */
  path?: string,
): Promise<void> {
  dressHost(at, cell);
  const moves = cell.kind === "host-device";
  using first = scratch("first");
  using second = scratch("second");
  const pods = moves ? [first] : [first, second];
  const calls: CniCall[] = pods.map((pod, i) => ({
    command: "ADD",
    containerID: `${nameOf(cell).replaceAll(/[^a-zA-Z0-9]/g, "")}${i}`,
    netns: pod.netns.path,
    config: definition(at, cell, i),
    ...(path === undefined ? {} : { path }),
  }));
  try {
    const added = await Promise.all(
      pods.map((pod, i) => addPod(at, cell, { pod, call: calls[i] })),
    );
    const targets = moves ? farAddresses(cell).slice(0, widthOf(cell)) : (added[1]?.ips ?? []);
    for (const [n, list] of targets.entries()) {
      for (const address of list) ping(first, { nic: `net1-${n}`, to: withoutLength(address) });
    }
    for (const { call } of added) {
      const checked = await at.call({ ...call, command: "CHECK" });
      // whereabouts 0.8 has no CHECK, and says so.
      const lacking = { json: { code: 999, msg: "CNI CHECK method is not implemented" } };
      const whole = { out: "", exitCode: 0 };
      expect(checked).toMatchObject(cell.ipam.includes("whereabouts") ? lacking : whole);
    }
  } finally {
    for (const call of calls) {
      const gone = await at.call({ ...call, command: "DEL" });
      expect(gone).toMatchObject({ out: "", exitCode: 0 });
    }
  }
  for (const pod of pods) expect(pod.ip("link", "show").map((l) => l["ifname"])).toEqual(["lo"]);
  expect(at.node.attachments.list()).toEqual([]);
}

async function addPod(
  at: CniNode,
  cell: Cell,
  { pod, call }: { pod: Scratch; call: CniCall | undefined },
): Promise<{ call: CniCall; ips: string[][] }> {
  if (!call) throw new Error("no call");
  const { json } = await at.call(call);
  expect({ ...json, code: json["code"] }).toMatchObject({ code: undefined });
  const ips = addressesByNic(json).slice(0, widthOf(cell));
  const each = familiesOf(cell.families).length;
  expect(ips.map((list) => list.length)).toEqual(Array(widthOf(cell)).fill(each));
  for (const [n, list] of ips.entries()) {
    expect(usableAddresses(pod, `net1-${n}`).toSorted()).toEqual(list.toSorted());
  }
  return { call: { ...call, config: { ...call.config, prevResult: json } }, ips };
}

/** Without multi-config these have one subnet for all planes: the kernel would send by the first NIC whatever is for any. */
function widthOf({ ipam }: Pick<Cell, "ipam">): number {
  return ["host-local", "whereabouts"].includes(ipam) ? 1 : masters.length;
}

/** Writes a cell's definition, with what pod number `pod` asks for. */
export function definition(at: CniNode, { kind, ipam, families }: Cell, pod = 0) {
  const list = familiesOf(families);
  const pooled = ipam === "multi-nic-ipam";
  const l3 = kind.startsWith("ipvlan l3");
  return {
    cniVersion: "1.0.0",
    name: networkOf(families),
    type: "multi-nic",
    plugin: { cniVersion: "1.0.0", ...plugins[kind] },
    ipam: ipamOf(at, { ipam, list, l3 }),
    dns: {},
    subnet: pooled ? list.map((family) => subnets[family]).join(",") : "",
    masterNets: masters.flatMap((_, i) => list.map((family) => hostNet(family, i))),
    ...(pooled ? { multiNICIPAM: true } : {}),
    args: { cni: { nics: widthOf({ ipam }) } },
    ...(ipam === "static" || ipam === "multi-config static"
      ? { runtimeConfig: { ips: staticIps(list, pod) } }
      : {}),
  };
}

function ipamOf(at: CniNode, of: { ipam: string; list: readonly (4 | 6)[]; l3: boolean }) {
  const dataDir = join(at.folder, "host-local");
  const ranges = (i: number) =>
    of.list.map((family) => [{ subnet: `${podNet(family, i)}/${family === 4 ? 24 : 112}` }]);
  switch (of.ipam) {
    case "multi-nic-ipam":
      return { type: of.ipam, hostBlock: 6, interfaceBlock: 2, vlanMode: of.l3 ? "l3" : "l2" };
    case "host-local":
      return { type: of.ipam, ranges: ranges(0), dataDir };
    case "multi-config host-local":
      return {
        type: "multi-config",
        ipam_type: "host-local",
        args: {
          eth1: { ranges: ranges(0), dataDir },
          eth2: { ranges: ranges(1), dataDir },
        },
      };
    case "whereabouts":
      return whereabouts(at, { list: of.list, plane: 0 });
    case "multi-config whereabouts": {
      const [eth1, eth2] = [0, 1].map((plane) => whereabouts(at, { list: of.list, plane }));
      return { type: "multi-config", ipam_type: "whereabouts", args: { eth1, eth2 } };
    }
    case "multi-config static":
      return { type: "multi-config", ipam_type: "static", args: { eth1: {}, eth2: {} } };
    default:
      return { type: of.ipam };
  }
}

/** `whereabouts.conf` in the node's folder says where its API server is. */
function whereabouts({ folder }: CniNode, of: { list: readonly (4 | 6)[]; plane: number }) {
  const ranges = of.list.map((family) => ({
    range: `${podNet(family, of.plane)}/${family === 4 ? 24 : 112}`,
  }));
  const configuration_path = join(folder, "whereabouts.conf");
  return { type: "whereabouts", configuration_path, ipRanges: ranges };
}

/** In NIC order: with several families each NIC's of one family after the other. */
function staticIps(list: readonly (4 | 6)[], pod: number): string[] {
  return masters.flatMap((_, i) =>
    list.map((family) => {
      const { pod: nets, vlan } = planes[family];
      return `${nets[i]}${family === 4 ? 100 + pod : `1${pod}`}/${vlan}`;
    }),
  );
}

/** The host has the addresses that its rows say, of the cell's families, and the far ends of its cables ones on the same networks. */
function dressHost({ host: { kernel } }: CniNode, cell: Cell): void {
  const ends = masters.flatMap((master, i) => [
    { name: master, i, far: false },
    { name: `${master}-far`, i, far: true },
  ]);
  const present = kernel.addresses();
  for (const { name, i, far } of ends) {
    const index = kernel.link(name)?.index ?? 0;
    for (const seen of present) {
      if (seen.index === index && seen.scope === 0) kernel.deleteAddress(index, seen.address);
    }
    kernel.setLink(index, { up: true });
    for (const family of familiesOf(cell.families)) {
      const { host, pod, vlan } = planes[family];
      const last = far ? { 4: "254", 6: "fe" }[family] : "1";
      kernel.addAddress(index, `${host[i]}${last}/${family === 4 ? 24 : 64}`, { nodad: true });
      if (far) kernel.addAddress(index, `${pod[i]}${last}/${vlan}`, { nodad: true });
    }
  }
  if (kernel.link("br0")) return;
  // With a mac of its own: a bridge without one takes its ports', and its plugin's CHECK remembers which.
  kernel.addLink("br0", { kind: "bridge" }, { mac: "02:00:00:00:0b:00" });
}

function farAddresses({ ipam, families }: Cell): string[][] {
  return masters.map((_, i) =>
    familiesOf(families).map((family) => {
      const nets = ipam === "host-device-ipam" ? planes[family].host : planes[family].pod;
      return `${nets[i]}${family === 4 ? "254" : "fe"}`;
    }),
  );
}

function ping(pod: Scratch, { nic: name, to }: { nic: string; to: string }): void {
  const command = ["ip", "netns", "exec", pod.name, "ping", "-c1", "-W5", "-I", name, to];
  const { exitCode, stdout, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0)
    throw new Error(`${command.join(" ")}: ${stdout.toString()}${stderr.toString()}`);
}

function addressesByNic(result: Record<string, unknown>): string[][] {
  const ips: { interface: number; address: string }[] = Array.isArray(result["ips"])
    ? result["ips"]
    : [];
  return masters.map((_, n) =>
    ips.filter((ip) => ip.interface === n).map(({ address }) => address),
  );
}

/** Global ones that can be used now: duplicate address detection is over, or was never begun. */
function usableAddresses(pod: Scratch, name: string): string[] {
  const info = pod.ip("addr", "show", name)[0]?.["addr_info"];
  const list: { scope: string; local: string; prefixlen: number; tentative?: boolean }[] =
    Array.isArray(info) ? info : [];
  return list
    .filter((each) => each.scope === "global" && each.tentative !== true)
    .map((each) => `${each.local}/${each.prefixlen}`);
}

function withoutLength(address: string): string {
  return address.replace(/\/.*/, "");
}

function networkOf(families: Families): string {
  return { IPv4: "net4", IPv6: "net6", "dual stack": "net46" }[families];
}

function hostNet(family: 4 | 6, i: number): string {
  const { host } = planes[family];
  return family === 4 ? `${host[i]}0/24` : `${host[i]}/64`;
}

function hostIP(family: 4 | 6, i: number): string {
  return `${planes[family].host[i]}1`;
}

function podNet(family: 4 | 6, i: number): string {
  return family === 4 ? `${planes[4].pod[i]}0` : `${planes[6].pod[i]}`;
}
