import { mkdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { putFile, putLink } from "./systree.ts";
import type { LabHost } from "./topology.ts";

/** PCI identity of every NIC of the lab: a virtio network device (ids from the virtio specification, section 4.1.2). */
const vendor = "1af4";
const product = "1000";

/** A PCI function with its network interface; what is left out is that of the lab's plain NICs. */
export interface SysfsFunction {
  readonly pciAddress: string;
  readonly numaNode: number;
  readonly path?: readonly string[];
  readonly vendor?: string;
  readonly product?: string;
  readonly driver?: string;
  readonly speedMbps?: number;
}

/**
 * Makes the part of a sysfs tree that discovery reads, because the lab's NICs are veth pairs that no PCI bus knows.
 * Layout as in Linux Documentation/ABI/testing/sysfs-bus-pci and sysfs-class-net.
 */
export function makeSysfs(root: string, host: LabHost): void {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, "class/net"), { recursive: true });
  mkdirSync(join(root, "bus/pci/devices"), { recursive: true });
  for (const nic of host.nics) {
    for (const fn of nic.functions) {
      addFunction(root, fn.name, { numaNode: nic.plane % 2, ...fn });
    }
    if (nic.kind === "vlan")
      addVirtual(root, nic.name, { type: "vlan", lower: nic.functions.map((f) => f.name) });
    if (nic.kind === "bond")
      addVirtual(root, nic.name, { type: "bond", lower: nic.functions.map((f) => f.name) });
  }
  for (const gpu of host.gpus) addDevice(root, gpu, "030200");
}

/** Makes the files by which NVIDIA's driver names its GPUs, below a procfs root. */
export function makeProcfs(
  root: string,
  { gpus }: { readonly gpus: readonly { readonly pciAddress: string; readonly uuid: string }[] },
): void {
  rmSync(root, { recursive: true, force: true });
  for (const { pciAddress, uuid } of gpus) {
    const text = `Model: \t\t NVIDIA H100 80GB HBM3\nGPU UUID: \t ${uuid}\nBus Type: \t PCIe`;
    putFile(root, `driver/nvidia/gpus/${pciAddress}/information`, text);
  }
}

/** Adds one PCI function with its network interface, as the kernel does when a NIC is plugged in. */
export function addFunction(root: string, name: string, at: SysfsFunction): void {
  const device = addDevice(root, at, "020000");
  const net = `${device}/net/${name}`;
  putFile(root, `${net}/type`, "1");
  putFile(root, `${net}/speed`, String(at.speedMbps ?? 10_000));
  putFile(root, `${net}/uevent`, `INTERFACE=${name}`);
  putLink(root, `${net}/device`, device);
  putLink(root, `class/net/${name}`, net);
}

/** Takes a PCI function off the tree again. */
export function removeFunction(root: string, name: string, pciAddress: string): void {
  rmSync(join(root, `class/net/${name}`), { force: true });
  removeDevice(root, pciAddress);
}

/** Takes a PCI function that is no NIC off the tree. */
export function removeDevice(root: string, pciAddress: string): void {
  const entry = join(root, `bus/pci/devices/${pciAddress}`);
  rmSync(realpathSync(entry), { recursive: true, force: true });
  rmSync(entry, { force: true });
}

/** Adds a PCI function of a class and returns its folder. */
export function addDevice(root: string, at: SysfsFunction, pciClass: string): string {
  const { pciAddress, path = ["pci0000:00"], driver = "virtio-pci" } = at;
  const own = { vendor: at.vendor ?? vendor, product: at.product ?? product };
  const device = `devices/${path.join("/")}/${pciAddress}`;
  putFile(root, `${device}/class`, `0x${pciClass}`);
  putFile(root, `${device}/vendor`, `0x${own.vendor}`);
  putFile(root, `${device}/device`, `0x${own.product}`);
  putFile(root, `${device}/numa_node`, String(at.numaNode));
  const facts = [
    `DRIVER=${driver}`,
    `PCI_CLASS=${pciClass.replace(/^0/, "").toUpperCase()}`,
    `PCI_ID=${own.vendor}:${own.product}`.toUpperCase(),
    `PCI_SLOT_NAME=${pciAddress}`,
  ];
  putFile(root, `${device}/uevent`, facts.join("\n"));
  mkdirSync(join(root, `bus/pci/drivers/${driver}`), { recursive: true });
  putLink(root, `${device}/driver`, `bus/pci/drivers/${driver}`);
  putLink(root, `${device}/subsystem`, "bus/pci");
  putLink(root, `bus/pci/devices/${pciAddress}`, device);
  return device;
}

function addVirtual(
  root: string,
  name: string,
  of: { type: "vlan" | "bond"; lower: readonly string[] },
): void {
  const net = `devices/virtual/net/${name}`;
  putFile(root, `${net}/type`, "1");
  putFile(root, `${net}/uevent`, `DEVTYPE=${of.type}\nINTERFACE=${name}`);
  if (of.type === "bond") putFile(root, `${net}/bonding/slaves`, of.lower.join(" "));
  for (const lower of of.lower) putLink(root, `${net}/lower_${lower}`, `class/net/${lower}`);
  putLink(root, `class/net/${name}`, net);
}
