import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { LabHost } from "./topology.ts";

/** PCI identity of every NIC of the lab: a virtio network device (ids from the virtio specification, section 4.1.2). */
const vendor = "1af4";
const product = "1000";

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
      addFunction(root, fn.name, { pciAddress: fn.pciAddress, numaNode: nic.plane % 2 });
    }
    if (nic.kind === "vlan")
      addVirtual(root, nic.name, { type: "vlan", lower: nic.functions.map((f) => f.name) });
    if (nic.kind === "bond")
      addVirtual(root, nic.name, { type: "bond", lower: nic.functions.map((f) => f.name) });
  }
}

/** Adds one PCI function with its network interface, as the kernel does when a NIC is plugged in. */
export function addFunction(
  root: string,
  name: string,
  at: { readonly pciAddress: string; readonly numaNode: number },
): void {
  const device = `devices/pci0000:00/${at.pciAddress}`;
  file(root, `${device}/class`, "0x020000");
  file(root, `${device}/vendor`, `0x${vendor}`);
  file(root, `${device}/device`, `0x${product}`);
  file(root, `${device}/numa_node`, String(at.numaNode));
  file(
    root,
    `${device}/uevent`,
    `DRIVER=virtio-pci\nPCI_CLASS=20000\nPCI_ID=1AF4:1000\nPCI_SLOT_NAME=${at.pciAddress}`,
  );
  mkdirSync(join(root, "bus/pci/drivers/virtio-pci"), { recursive: true });
  link(root, `${device}/driver`, "bus/pci/drivers/virtio-pci");
  link(root, `${device}/subsystem`, "bus/pci");
  link(root, `bus/pci/devices/${at.pciAddress}`, device);
  const net = `${device}/net/${name}`;
  file(root, `${net}/type`, "1");
  file(root, `${net}/speed`, "10000");
  file(root, `${net}/uevent`, `INTERFACE=${name}`);
  link(root, `${net}/device`, device);
  link(root, `class/net/${name}`, net);
}

/** Takes a PCI function off the tree again. */
export function removeFunction(root: string, name: string, pciAddress: string): void {
  rmSync(join(root, `class/net/${name}`), { force: true });
  rmSync(join(root, `bus/pci/devices/${pciAddress}`), { force: true });
  rmSync(join(root, `devices/pci0000:00/${pciAddress}`), { recursive: true, force: true });
}

function addVirtual(
  root: string,
  name: string,
  of: { type: "vlan" | "bond"; lower: readonly string[] },
): void {
  const net = `devices/virtual/net/${name}`;
  file(root, `${net}/type`, "1");
  file(root, `${net}/uevent`, `DEVTYPE=${of.type}\nINTERFACE=${name}`);
  if (of.type === "bond") file(root, `${net}/bonding/slaves`, of.lower.join(" "));
  for (const lower of of.lower) link(root, `${net}/lower_${lower}`, `class/net/${lower}`);
  link(root, `class/net/${name}`, net);
}

function file(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${text}\n`);
}

function link(root: string, path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(relative(dirname(join(root, path)), join(root, target)), join(root, path));
}
