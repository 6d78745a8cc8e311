import { basename, dirname, join } from "node:path";
import {
  isThere,
  listFolder,
  readAttribute,
  readCount,
  readLinkName,
  resolveFolder,
} from "./sysfs.ts";

/** What sysfs knows of one network interface; an absent field is unknown. */
export interface DeviceFacts {
  readonly name: string;
  /** PCI ids: 4 hex digits, lower case, no 0x. */
  readonly vendor?: string;
  readonly product?: string;
  /** `0000:00:04.0`; for virtio the address of the PCI device that carries it. */
  readonly pciAddress?: string;
  /** PCI class code, 6 hex digits without 0x: `020000` Ethernet, `020700` InfiniBand. */
  readonly pciClass?: string;
  /** The device sits on the virtio bus (over PCI or not). */
  readonly virtio: boolean;
  readonly driver?: string;
  readonly numaNode?: number;
  /** PCI address of the physical function, when this is a virtual one. */
  readonly physfn?: string;
  /** PCI addresses of this function's virtual functions, by number. */
  readonly virtfns: readonly string[];
  readonly speedMbps?: number;
  readonly carrier?: boolean;
  readonly rdmaDevice?: string;
  /** Names of a bond's slaves. */
  readonly slaves: readonly string[];
}

const pciName = /^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;

/** Reads the facts of one interface below a sysfs root; an interface without a device gives only what the link itself has. */
export function readDevice(sysRoot: string, name: string): DeviceFacts {
  const net = join(sysRoot, "class/net", name);
  const device = resolveFolder(join(net, "device"));
  const pci = device === undefined ? undefined : pciFolder(device);
  return {
    name,
    virtio: device !== undefined && isVirtio(device),
    virtfns: pci === undefined ? [] : virtualFunctions(pci),
    slaves: readAttribute(join(net, "bonding/slaves"))?.split(/\s+/) ?? [],
    ...known({
      driver: device && readLinkName(join(device, "driver")),
      speedMbps: readCount(join(net, "speed")),
      carrier: flag(readCount(join(net, "carrier"))),
    }),
    ...(pci === undefined ? stackedFacts(sysRoot, name) : pciFacts(pci, name)),
  };
}

/** Tells whether an interface belongs to a device at all; the virtual ones do not. */
export function hasDevice(sysRoot: string, name: string): boolean {
  return isThere(join(sysRoot, "class/net", name, "device"));
}

/** Tells whether a PCI device is still on the bus, even when its interface lives in another network namespace. */
export function hasPciDevice(sysRoot: string, pciAddress: string): boolean {
  // An object's text may be anything; a path out of the folder is no device.
  return !pciAddress.includes("/") && isThere(join(sysRoot, "bus/pci/devices", pciAddress));
}

/** A bond of RDMA NICs has a device of its own (mlx5_bond_0), and software RDMA sits on anything. */
function stackedFacts(sysRoot: string, name: string): Partial<DeviceFacts> {
  return known({
    rdmaDevice: rdmaDevice(join(sysRoot, "class/infiniband"), name, { alone: false }),
  });
}

function pciFacts(pci: string, name: string): Partial<DeviceFacts> {
  const physfn = readLinkName(join(pci, "physfn"));
  return known({
    pciAddress: basename(pci),
    vendor: hex(join(pci, "vendor")),
    product: hex(join(pci, "device")),
    pciClass: hex(join(pci, "class")),
    numaNode: readCount(join(pci, "numa_node")),
    physfn,
    rdmaDevice: rdmaDevice(join(pci, "infiniband"), name, { alone: true }),
  });
}

/** The PCI function that a device is or, on the virtio bus, hangs off. */
function pciFolder(device: string): string | undefined {
  if (pciName.test(basename(device))) return device;
  const parent = dirname(device);
  return isVirtio(device) && pciName.test(basename(parent)) ? parent : undefined;
}

function isVirtio(device: string): boolean {
  return /^virtio[0-9]+$/.test(basename(device));
}

function virtualFunctions(pci: string): string[] {
  return listFolder(pci)
    .filter((entry) => /^virtfn[0-9]+$/.test(entry))
    .sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)))
    .flatMap((entry) => readLinkName(join(pci, entry)) ?? []);
}

/**
 * Finds an interface's RDMA device among those of a folder. `gid_attrs/ndevs/0` says which is whose; with `alone`, the
 * folder is that of a PCI function, whose first device is taken where none says so (InfiniBand).
 */
function rdmaDevice(
  folder: string,
  name: string,
  options: { readonly alone: boolean },
): string | undefined {
  const devices = listFolder(folder);
  const named = devices.find((rdma) => ndev(folder, rdma).includes(name));
  return named ?? (options.alone ? devices[0] : undefined);
}

function ndev(folder: string, rdma: string): string[] {
  const ports = join(folder, rdma, "ports");
  return listFolder(ports).flatMap(
    (port) => readAttribute(join(ports, port, "gid_attrs/ndevs/0")) ?? [],
  );
}

function hex(path: string): string | undefined {
  return readAttribute(path)?.toLowerCase().replace(/^0x/, "");
}

function flag(count: number | undefined): boolean | undefined {
  return count === undefined ? undefined : count === 1;
}

/** Drops fields that are undefined: absent is how "unknown" is said. */
function known<T extends Record<string, unknown>>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const out: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined) out[key] = value as Exclude<T[typeof key], undefined>;
  }
  return out;
}
