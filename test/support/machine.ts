import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { HostInterfaceRow } from "../../src/lib/api/kinds.ts";
import { makeProcfs } from "../../src/lib/lab/sysfs.ts";
import { putFile, putLink } from "../../src/lib/lab/systree.ts";
import type { Link, LinkAddress, Route } from "../../src/lib/netlink/types.ts";

interface NetFacts {
  name: string;
  ifindex: number;
  mac: string;
  permMac?: string;
  mtu: number;
  operstate: string;
  carrier: number | null;
  speedMbps: number | null;
  devPort?: number;
  physPortName?: string;
  master?: string;
  /** ARPHRD_*; Ethernet when absent. */
  type?: number;
}
export interface PciFacts {
  address: string;
  parent: string;
  class: string;
  vendor: string;
  device: string;
  subsystemVendor?: string;
  subsystemDevice?: string;
  driver: string | null;
  numaNode: number;
  linkSpeed?: string;
  linkWidth?: number;
  sriovTotalVfs?: number;
  sriovNumVfs?: number;
  virtfns?: string[];
  physfn?: string;
  virtio?: { name: string; driver: string };
  net?: NetFacts[];
  rdma?: {
    name: string;
    port: number;
    linkLayer: string;
    state: string;
    rate: string;
    netdev: string;
  }[];
  gpuUuid?: string;
}
interface VirtualFacts extends NetFacts {
  kind: string;
  lower: string[];
  bond?: { mode: string; miimon: number };
  vlan?: { id: number; protocol: string };
}
/** A fixture machine: test/golden/machines/*.json. */
export interface Machine {
  name: string;
  pci: PciFacts[];
  virtual: VirtualFacts[];
  addresses: { dev: string; address: string }[];
  routes: { dst: string; via: string; dev: string; metric: number }[];
  numaNodes: { id: number; cpulist: string }[];
  expect: { defaultInterface: string; hostInterface: HostInterfaceRow[]; v13: string[] };
}

export const machineNames = [
  "hgx-h100",
  "cloud-vm-virtio",
  "dual-socket-sriov",
  "aws-4-eni",
  "bond-vlan",
] as const;

/** Reads a fixture machine; the copy is the caller's to change. */
export function readMachine(name: (typeof machineNames)[number]): Machine {
  return JSON.parse(
    readFileSync(join(import.meta.dir, `../golden/machines/${name}.json`), "utf8"),
  ) as Machine;
}

/** Makes the machine's sysfs tree below `root`; a value of null makes no file. */
export function writeSysfs(machine: Pick<Machine, "pci" | "virtual" | "numaNodes">, root: string) {
  const folders = new Map<string, string>();
  for (const device of machine.pci) addPciDevice(root, device, { all: machine.pci, folders });
  for (const device of machine.pci) linkFunctions(root, device, folders);
  for (const link of machine.virtual) addVirtual(root, link);
  linkStacked(root, machine);
  for (const node of machine.numaNodes) {
    write(root, `devices/system/node/node${node.id}/cpulist`, node.cpulist);
  }
}

/** Makes the files in which the NVIDIA driver names the machine's GPUs, below a procfs root. */
export function writeProcfs(machine: Pick<Machine, "pci">, root: string) {
  const gpus = machine.pci.flatMap(({ address, gpuUuid }) =>
    gpuUuid ? [{ pciAddress: address, uuid: gpuUuid }] : [],
  );
  makeProcfs(root, { gpus });
}

/** Adds one PCI device (with its interfaces) to a tree that is already there: what a hot-plug does. */
export function addPciDevice(
  root: string,
  device: PciFacts,
  options: { all?: readonly PciFacts[]; folders?: Map<string, string> } = {},
) {
  const all = options.all ?? [device];
  const at = chain(device, all);
  options.folders?.set(device.address, at);
  putLink(root, `bus/pci/devices/${device.address}`, at);
  putLink(root, `${at}/subsystem`, "bus/pci");
  write(root, `${at}/class`, device.class);
  write(root, `${at}/vendor`, device.vendor);
  write(root, `${at}/device`, device.device);
  write(root, `${at}/subsystem_vendor`, device.subsystemVendor);
  write(root, `${at}/subsystem_device`, device.subsystemDevice);
  write(root, `${at}/numa_node`, device.numaNode);
  for (const which of ["current", "max"]) {
    write(root, `${at}/${which}_link_speed`, device.linkSpeed);
    write(root, `${at}/${which}_link_width`, device.linkWidth);
  }
  write(root, `${at}/sriov_totalvfs`, device.sriovTotalVfs);
  write(root, `${at}/sriov_numvfs`, device.sriovNumVfs);
  if (device.driver) putLink(root, `${at}/driver`, `bus/pci/drivers/${device.driver}`);
  write(
    root,
    `${at}/uevent`,
    [
      ...(device.driver ? [`DRIVER=${device.driver}`] : []),
      `PCI_CLASS=${device.class.slice(2).replace(/^0/, "").toUpperCase()}`,
      `PCI_ID=${device.vendor.slice(2)}:${device.device.slice(2)}`.toUpperCase(),
      `PCI_SLOT_NAME=${device.address}`,
    ].join("\n"),
  );
  const bus = device.virtio === undefined ? at : `${at}/${device.virtio.name}`;
  if (device.virtio) putLink(root, `${bus}/driver`, `bus/virtio/drivers/${device.virtio.driver}`);
  for (const net of device.net ?? []) {
    addNet(root, `${bus}/net/${net.name}`, net);
    putLink(root, `${bus}/net/${net.name}/device`, bus);
  }
  for (const rdma of device.rdma ?? []) {
    const port = `${at}/infiniband/${rdma.name}/ports/${rdma.port}`;
    write(root, `${port}/link_layer`, rdma.linkLayer);
    write(root, `${port}/state`, rdma.state);
    write(root, `${port}/rate`, rdma.rate);
    write(root, `${port}/gid_attrs/ndevs/0`, rdma.netdev);
    putLink(root, `class/infiniband/${rdma.name}`, `${at}/infiniband/${rdma.name}`);
  }
}

/** What rtnetlink would say about the machine's links. */
export function machineLinks(machine: Machine): Link[] {
  const index = new Map<string, number>();
  const nets = [...machine.pci.flatMap((device) => device.net ?? []), ...machine.virtual];
  for (const net of nets) index.set(net.name, net.ifindex);
  return nets.map((net) => {
    const virtual = machine.virtual.find((link) => link.name === net.name);
    const up = net.operstate !== "down";
    return {
      index: net.ifindex,
      name: net.name,
      altnames: [],
      type: net.type ?? 1,
      flags: up ? 0x11043 : 0x1002,
      up,
      carrier: net.carrier === 1,
      mtu: net.mtu,
      mac: net.mac,
      permMac: net.permMac ?? net.mac,
      operstate: up ? 6 : 2,
      kind: virtual?.kind ?? "",
      master: index.get(net.master ?? "") ?? 0,
      link: virtual && virtual.kind !== "bond" ? (index.get(virtual.lower[0] ?? "") ?? 0) : 0,
      linkNetnsid: undefined,
      alias: "",
      stats: undefined,
    };
  });
}

/** What rtnetlink would say about the machine's addresses. */
export function machineAddresses(machine: Machine): LinkAddress[] {
  const links = machineLinks(machine);
  return machine.addresses.map(({ dev, address }) => ({
    index: links.find((link) => link.name === dev)?.index ?? 0,
    family: address.includes(":") ? 6 : 4,
    address,
    scope: 0,
    flags: 0x80,
    label: dev,
  }));
}

/** What rtnetlink would say about the machine's table main. */
export function machineRoutes(machine: Machine): Route[] {
  const links = machineLinks(machine);
  return machine.routes.map((route) => {
    const family = route.via.includes(":") ? 6 : 4;
    return {
      family,
      dst: route.dst === "default" ? (family === 6 ? "::/0" : "0.0.0.0/0") : route.dst,
      table: 254,
      protocol: 3,
      type: 1,
      scope: 0,
      metric: route.metric,
      nexthops: [
        { via: route.via, oif: links.find((link) => link.name === route.dev)?.index ?? 0 },
      ],
    };
  });
}

/** `devices/<root bus>/<bridge>/…/<address>`. */
function chain(device: PciFacts, all: readonly PciFacts[]): string {
  const parent = all.find((other) => other.address === device.parent);
  return `${parent ? chain(parent, all) : `devices/${device.parent}`}/${device.address}`;
}

function linkFunctions(root: string, device: PciFacts, folders: ReadonlyMap<string, string>) {
  const at = folders.get(device.address);
  if (at === undefined) return;
  for (const [n, vf] of (device.virtfns ?? []).entries()) {
    putLink(root, `${at}/virtfn${n}`, folders.get(vf) ?? "");
  }
  if (device.physfn) putLink(root, `${at}/physfn`, folders.get(device.physfn) ?? "");
}

function addVirtual(root: string, virtual: VirtualFacts) {
  const at = `devices/virtual/net/${virtual.name}`;
  addNet(root, at, virtual);
  const devtype = ["bond", "vlan", "bridge"].includes(virtual.kind)
    ? `\nDEVTYPE=${virtual.kind}`
    : "";
  write(root, `${at}/uevent`, `INTERFACE=${virtual.name}\nIFINDEX=${virtual.ifindex}${devtype}`);
  if (virtual.kind !== "bond") return;
  write(root, `${at}/bonding/slaves`, virtual.lower.join(" "));
  write(root, `${at}/bonding/mode`, virtual.bond?.mode);
  write(root, `${at}/bonding/miimon`, virtual.bond?.miimon);
}

function addNet(root: string, at: string, net: NetFacts) {
  write(root, `${at}/address`, net.mac);
  write(root, `${at}/mtu`, net.mtu);
  write(root, `${at}/ifindex`, net.ifindex);
  write(root, `${at}/iflink`, net.ifindex);
  write(root, `${at}/operstate`, net.operstate);
  write(root, `${at}/carrier`, net.carrier);
  write(root, `${at}/speed`, net.speedMbps);
  write(root, `${at}/duplex`, net.speedMbps === null ? null : "full");
  write(root, `${at}/type`, net.type ?? 1);
  write(root, `${at}/flags`, net.operstate === "down" ? "0x1002" : "0x1003");
  write(root, `${at}/dev_port`, net.devPort ?? 0);
  write(root, `${at}/phys_port_name`, net.physPortName);
  write(root, `${at}/uevent`, `INTERFACE=${net.name}\nIFINDEX=${net.ifindex}`);
  putLink(root, `class/net/${net.name}`, at);
}

function linkStacked(root: string, machine: Pick<Machine, "pci" | "virtual">) {
  for (const net of machine.pci.flatMap((device) => device.net ?? [])) {
    if (net.master) putLink(root, `class/net/${net.name}/master`, `class/net/${net.master}`);
  }
  for (const upper of machine.virtual) {
    for (const lower of upper.lower) {
      putLink(root, `class/net/${upper.name}/lower_${lower}`, `class/net/${lower}`);
      putLink(root, `class/net/${lower}/upper_${upper.name}`, `class/net/${upper.name}`);
    }
  }
}

function write(root: string, path: string, value: string | number | null | undefined) {
  if (value !== null && value !== undefined) putFile(root, path, value);
}
