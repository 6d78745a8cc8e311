/** A PCI function of a made machine: what sysfs is to show of it. */
export interface MachineFunction {
  readonly pciAddress: string;
  /** Root bus and bridges above it, outermost first. */
  readonly path: readonly string[];
  readonly numaNode: number;
  /** 4 hex digits. */
  readonly vendor: string;
  readonly product: string;
  readonly driver: string;
}
export type MachineNic = MachineFunction & { readonly speedMbps: number };
/** `uuid` as NVIDIA's driver and device plugin name the GPU. */
export type MachineGpu = MachineFunction & { readonly uuid: string };

export interface Machine {
  readonly nics: readonly MachineNic[];
  readonly gpus: readonly MachineGpu[];
}

export const machineNames = ["h100"] as const;
export type MachineName = (typeof machineNames)[number];

/** GPU trays of an HGX H100 machine: bus of the root port, of the switch, of the NIC and of the GPU. */
const trays = [
  { numaNode: 0, root: "15", above: "16", ports: "17", nic: "18", gpu: "1b" },
  { numaNode: 0, root: "3d", above: "3e", ports: "3f", nic: "40", gpu: "43" },
  { numaNode: 0, root: "4c", above: "4d", ports: "4e", nic: "4f", gpu: "52" },
  { numaNode: 0, root: "5b", above: "5c", ports: "5d", nic: "5e", gpu: "61" },
  { numaNode: 1, root: "97", above: "98", ports: "99", nic: "9a", gpu: "9d" },
  { numaNode: 1, root: "bd", above: "be", ports: "bf", nic: "c0", gpu: "c3" },
  { numaNode: 1, root: "cb", above: "cc", ports: "cd", nic: "ce", gpu: "d1" },
  { numaNode: 1, root: "d9", above: "da", ports: "db", nic: "dc", gpu: "df" },
] as const;

/** BlueField-3 NICs of the same machine, each below a root port of its own. */
const dpus = [
  { numaNode: 0, root: "28", nic: "29" },
  { numaNode: 1, root: "a9", nic: "aa" },
] as const;

/**
 * Makes a machine to lay a lab's hosts out as. h100: eight GPUs, each with a ConnectX-7 of 400 Gbit/s below one switch, four of
 * each on either socket, and two BlueField-3 of 200 Gbit/s (bus numbers and ids as in public documents of such machines).
 */
export function machineOf(_name: MachineName): Machine {
  const above = (tray: (typeof trays)[number], port: string) => [
    `pci0000:${tray.root}`,
    `0000:${tray.root}:01.0`,
    `0000:${tray.above}:00.0`,
    `0000:${tray.ports}:${port}.0`,
  ];
  const nics: MachineNic[] = trays.map((tray) => ({
    pciAddress: `0000:${tray.nic}:00.0`,
    path: above(tray, "00"),
    numaNode: tray.numaNode,
    vendor: "15b3",
    product: "1021",
    driver: "mlx5_core",
    speedMbps: 400_000,
  }));
  const more: MachineNic[] = dpus.map(({ numaNode, root, nic }) => ({
    pciAddress: `0000:${nic}:00.0`,
    path: [`pci0000:${root}`, `0000:${root}:01.0`],
    numaNode,
    vendor: "15b3",
    product: "a2dc",
    driver: "mlx5_core",
    speedMbps: 200_000,
  }));
  const gpus: MachineGpu[] = trays.map((tray, i) => ({
    pciAddress: `0000:${tray.gpu}:00.0`,
    path: above(tray, "02"),
    numaNode: tray.numaNode,
    vendor: "10de",
    product: "2330",
    driver: "nvidia",
    uuid: `GPU-00000000-0000-4000-8000-${String(i).padStart(12, "0")}`,
  }));
  return { nics: [...nics, ...more], gpus };
}
