import { codeOf } from "../errors.ts";
import { Conn } from "../netlink/conn.ts";
import {
  listRdmaRequest,
  moveRdmaRequest,
  type RdmaDevice,
  type RdmaMode,
  rdmaPortRequest,
  rdmaSystemRequest,
  readRdma,
  readRdmaMode,
  readRdmaPort,
} from "../netlink/rdma.ts";
import type { Netns } from "./kernel.ts";
import { close } from "./libc.ts";
import { exchangeOver, openSocket } from "./netlinksocket.ts";
import { inside } from "./netns.ts";

const NETLINK_RDMA = 20;

/** RDMA netlink in one network namespace; errors as those of Kernel. */
export interface Rdma {
  mode(): RdmaMode;
  devices(): RdmaDevice[];
  /** Names the interfaces of a device's ports that are in this namespace. */
  interfaces(device: RdmaDevice): string[];
  /** Moves a device into the namespace `netnsFd`. */
  move(device: RdmaDevice, netnsFd: number): void;
  [Symbol.dispose](): void;
}

/** Opens RDMA netlink in this thread's namespace or in `netns`; undefined where the kernel has no RDMA. */
export function openRdma(netns?: Netns): Rdma | undefined {
  let fd: number;
  try {
    const open = () => openSocket(NETLINK_RDMA);
    fd = netns ? inside(netns, open) : open();
  } catch (error) {
    if (codeOf(error) === "EPROTONOSUPPORT") return undefined;
    throw error;
  }
  const conn = new Conn(exchangeOver(() => fd));
  return {
    mode: () =>
      conn.get(rdmaSystemRequest(), "read the RDMA system's mode", readRdmaMode) ?? "shared",
    devices: () => conn.list(listRdmaRequest(), "list RDMA devices", readRdma),
    interfaces(device) {
      const names: string[] = [];
      for (let port = 1; port <= device.ports; port++) {
        const doing = `read port ${port} of ${device.name}`;
        const name = conn.get(rdmaPortRequest(device.index, port), doing, readRdmaPort);
        if (name) names.push(name);
      }
      return names;
    },
    move(device, netnsFd) {
      const doing = `move RDMA device ${device.name}`;
      const tell = () => conn.tell(moveRdmaRequest(device.index, netnsFd), doing);
      // Unlike all else here, the kernel looks at the caller's namespace, not the socket's (rdma_dev_change_netns): ENODEV.
      if (netns) inside(netns, tell);
      else tell();
    },
    [Symbol.dispose]() {
      close(fd);
    },
  };
}
