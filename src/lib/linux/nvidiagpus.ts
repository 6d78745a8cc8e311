import { join } from "node:path";
import { listFolder, readAttribute } from "./sysfs.ts";

/** Maps each GPU's UUID to its PCI address, from the NVIDIA driver's files below a procfs root; empty without the driver. */
export function readGpuUuids(procRoot: string): Map<string, string> {
  const folder = join(procRoot, "driver/nvidia/gpus");
  const gpus = new Map<string, string>();
  for (const pciAddress of listFolder(folder)) {
    const text = readAttribute(join(folder, pciAddress, "information")) ?? "";
    const uuid = /^GPU UUID:\s*(\S+)/m.exec(text)?.[1];
    if (uuid !== undefined) gpus.set(uuid, pciAddress.toLowerCase());
  }
  return gpus;
}
