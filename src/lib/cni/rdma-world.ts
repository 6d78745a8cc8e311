import { join } from "node:path";
import { openNetns } from "../linux/netns.ts";
import { openRdma } from "../linux/rdma.ts";
import { openKernel } from "../linux/rtnetlink.ts";
import { listFolder } from "../linux/sysfs.ts";
import type { RdmaWorld } from "./rdma.ts";

/** Reads RDMA of this host, its files below a sysfs root. */
export function rdmaWorld(sysRoot: string): RdmaWorld {
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
    openHost: () => openNetns("/proc/thread-self/ns/net"),
  };
}
