import { join } from "node:path";
import type { Netns } from "../linux/kernel.ts";
import { openNetns } from "../linux/netns.ts";
import { openRdma, type Rdma } from "../linux/rdma.ts";
import { openKernel } from "../linux/rtnetlink.ts";
import { listFolder } from "../linux/sysfs.ts";
import type { AttachedInterface } from "../node/contract.ts";
import { type RdmaNotes, rdmaNotesIn } from "./rdma-notes.ts";

/** RDMA as the host's files and its netlink show it. */
export interface RdmaWorld {
  /** Names the RDMA devices of a PCI function that this namespace sees. */
  namesOf(pciAddress: string): readonly string[];
  /** Tells whether a NIC has left the host for another namespace. */
  hasLeft(nic: Pick<AttachedInterface, "master" | "pciAddress">): boolean;
  /** Opens RDMA netlink here or in a pod; undefined where the kernel has none. */
  open(netns?: Netns): Rdma | undefined;
  readonly notes: RdmaNotes;
  /** Opens this program's own namespace, for devices to come back to. */
  openHost(): Netns;
}

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
