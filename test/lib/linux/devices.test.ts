import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasPciDevice, readDevice } from "../../../src/lib/linux/devices.ts";
import { machineNames, readMachine, writeSysfs } from "../../support/machine.ts";

const root = mkdtempSync(join(tmpdir(), "sysfs-"));
const tree = (name: string) => join(root, name);
/** Thousands of files take seconds on a busy disk. */
const patience = 60_000;
beforeAll(() => {
  for (const name of machineNames) writeSysfs(readMachine(name), tree(name));
}, patience);
afterAll(() => rmSync(root, { recursive: true }), patience);

describe("readDevice", () => {
  test("reads every PCI fact of a ConnectX-7, and the node of the NIC itself, not of a bridge above it", () => {
    const machine = readMachine("hgx-h100");
    for (const device of machine.pci) if (device.class === "0x060400") device.numaNode = 7;
    writeSysfs(machine, tree("bridges"));
    expect(readDevice(tree("bridges"), "enp24s0np0")).toEqual({
      name: "enp24s0np0",
      vendor: "15b3",
      product: "1021",
      pciAddress: "0000:18:00.0",
      pciClass: "020000",
      virtio: false,
      driver: "mlx5_core",
      numaNode: 0,
      virtfns: [],
      speedMbps: 400000,
      carrier: true,
      rdmaDevice: "mlx5_0",
      slaves: [],
    });
  });

  test("finds the PCI device behind the virtio bus, and leaves out the -1 node and the unknown speed", () => {
    expect(readDevice(tree("cloud-vm-virtio"), "ens4")).toEqual({
      name: "ens4",
      vendor: "1af4",
      product: "1000",
      pciAddress: "0000:00:04.0",
      pciClass: "020000",
      virtio: true,
      driver: "virtio_net",
      virtfns: [],
      carrier: true,
      slaves: [],
    });
  });

  test("tells physical from virtual functions", () => {
    const pf = readDevice(tree("dual-socket-sriov"), "ens8np0");
    expect(pf.virtfns).toEqual([
      "0000:ca:00.1",
      "0000:ca:00.2",
      "0000:ca:00.3",
      "0000:ca:00.4",
      "0000:ca:00.5",
      "0000:ca:00.6",
      "0000:ca:00.7",
      "0000:ca:01.0",
    ]);
    expect(pf.physfn).toBeUndefined();
    const vf = readDevice(tree("dual-socket-sriov"), "ens8v7");
    expect(vf).toMatchObject({ physfn: "0000:ca:00.0", rdmaDevice: "mlx5_9", virtfns: [] });
    expect(vf).not.toHaveProperty("carrier");
    expect(vf).not.toHaveProperty("speedMbps");
  });

  test("gives a bond its slaves and its speed, but nothing of a PCI device", () => {
    expect(readDevice(tree("bond-vlan"), "bond0")).toEqual({
      name: "bond0",
      virtio: false,
      virtfns: [],
      speedMbps: 50000,
      carrier: true,
      slaves: ["ens1f0np0", "ens1f1np1"],
    });
  });

  test("takes -1, an empty attribute and an unreadable one for unknown", () => {
    const at = tree("odd");
    mkdirSync(join(at, "class/net/eth9"), { recursive: true });
    writeFileSync(join(at, "class/net/eth9/speed"), "-1\n");
    writeFileSync(join(at, "class/net/eth9/carrier"), "\n");
    expect(readDevice(at, "eth9")).toEqual({
      name: "eth9",
      virtio: false,
      virtfns: [],
      slaves: [],
    });
    expect(readDevice(at, "absent")).toMatchObject({ name: "absent", virtio: false });
  });

  test("keeps a virtio device without PCI (virtio-mmio) a virtio device", () => {
    const at = tree("mmio");
    mkdirSync(join(at, "devices/platform/virtio-mmio.0/virtio0/net/eth0"), { recursive: true });
    mkdirSync(join(at, "class/net"), { recursive: true });
    symlinkSync(
      "../../devices/platform/virtio-mmio.0/virtio0/net/eth0",
      join(at, "class/net/eth0"),
    );
    symlinkSync("../..", join(at, "devices/platform/virtio-mmio.0/virtio0/net/eth0/device"));
    const facts = readDevice(at, "eth0");
    expect(facts.virtio).toBe(true);
    expect(facts).not.toHaveProperty("pciAddress");
  });
});

test("hasPciDevice sees a device on the bus whether or not its interface is here", () => {
  expect(hasPciDevice(tree("aws-4-eni"), "0000:00:06.0")).toBe(true);
  expect(hasPciDevice(tree("aws-4-eni"), "0000:00:09.0")).toBe(false);
});
