import { join } from "node:path";
import { openNetns } from "../linux/netns.ts";
import { openRdma } from "../linux/rdma.ts";
import { openKernel } from "../linux/rtnetlink.ts";
import { listFolder } from "../linux/sysfs.ts";
import type { RdmaWorld } from "./rdma.ts";
import { rdmaNotesIn } from "./rdma-notes.ts";

/** Reads RDMA of this host, its files below a sysfs root; `notes` = a folder that a boot empties. */
export function rdmaWorld(sysRoot: string, notes: string): RdmaWorld {
  const pci = (address: string, folder: string) =>
    listFolder(join(sysRoot, "bus/pci/devices", address, folder));
  return {
    namesOf: (address) => pci(address, "infiniband"),
    hasLeft({ master, pciAddress }) {
      if (pciAddress !== "") return pci(pciAddress, "net").length === 0;
      using host = openKernel();
      return host.link(master) === undefined;
    },
    open: openRdma,
    notes: rdmaNotesIn(notes),
    openHost: () => openNetns("/proc/thread-self/ns/net"),
  };
}
