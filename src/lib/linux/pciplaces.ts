import { join, relative } from "node:path";
import { readAttribute, readCount, resolveFolder } from "./sysfs.ts";

/** Where a PCI function sits, as sysfs has it. */
export interface SysfsPlace {
  /** undefined = none, or not known. */
  readonly numaNode?: number | undefined;
  /** Root bus and bridges above the function, outermost first. */
  readonly path: readonly string[];
  /** PCI class code, 6 hex digits: `030200` = 3D controller. */
  readonly pciClass: string;
}

/** Reads the place of a PCI function below a sysfs root; undefined when there is no such function. */
export function readPciPlace(sysRoot: string, pciAddress: string): SysfsPlace | undefined {
  if (!/^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(pciAddress)) return undefined;
  const folder = resolveFolder(join(sysRoot, "bus/pci/devices", pciAddress));
  const devices = resolveFolder(join(sysRoot, "devices"));
  if (folder === undefined || devices === undefined) return undefined;
  const path = relative(devices, folder).split("/");
  if (path.pop() !== pciAddress || path.includes("..")) return undefined;
  return {
    numaNode: readCount(join(folder, "numa_node")),
    path,
    pciClass: (readAttribute(join(folder, "class")) ?? "").toLowerCase().replace(/^0x/, ""),
  };
}
