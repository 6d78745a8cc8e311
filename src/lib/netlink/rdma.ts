import { readAttributes, readText, readU32, u32 } from "./attribute.ts";
import { type Message, NLM_F_DUMP, type Request } from "./message.ts";

/** One RDMA device of a namespace. */
export interface RdmaDevice {
  readonly index: number;
  /** `mlx5_0`. */
  readonly name: string;
  readonly ports: number;
}

/** Whether every namespace sees every RDMA device, or each only its own (`rdma system`). */
export type RdmaMode = "shared" | "exclusive";

/** rdma/rdma_netlink.h: RDMA_NL_GET_TYPE(client, op) is client << 10 | op, and RDMA_NL_NLDEV is client 5. */
const RDMA_NL_NLDEV = 5 << 10;
export const RDMA_NLDEV_CMD_GET = RDMA_NL_NLDEV | 1;
export const RDMA_NLDEV_CMD_SET = RDMA_NL_NLDEV | 2;
export const RDMA_NLDEV_CMD_PORT_GET = RDMA_NL_NLDEV | 5;
export const RDMA_NLDEV_CMD_SYS_GET = RDMA_NL_NLDEV | 6;

const RDMA_NLDEV_ATTR_DEV_INDEX = 1;
const RDMA_NLDEV_ATTR_DEV_NAME = 2;
/** In an answer to CMD_GET the number of ports. */
const RDMA_NLDEV_ATTR_PORT_INDEX = 3;
const RDMA_NLDEV_ATTR_NDEV_NAME = 51;
const RDMA_NLDEV_SYS_ATTR_NETNS_MODE = 66;
const RDMA_NLDEV_NET_NS_FD = 68;

/** Asks for the RDMA devices that this namespace sees. */
export function listRdmaRequest(): Request {
  return { type: RDMA_NLDEV_CMD_GET, flags: NLM_F_DUMP, body: [] };
}

/** Asks for one port of a device; ports count from 1. The kernel answers as if CMD_GET had been asked. */
export function rdmaPortRequest(index: number, port: number): Request {
  const body = [u32(RDMA_NLDEV_ATTR_DEV_INDEX, index), u32(RDMA_NLDEV_ATTR_PORT_INDEX, port)];
  return { type: RDMA_NLDEV_CMD_PORT_GET, flags: 0, body };
}

/** Asks for the system's mode. */
export function rdmaSystemRequest(): Request {
  return { type: RDMA_NLDEV_CMD_SYS_GET, flags: 0, body: [] };
}

/** Asks to move a device into the namespace that a file descriptor stands for; EOPNOTSUPP in shared mode. */
export function moveRdmaRequest(index: number, netnsFd: number): Request {
  const body = [u32(RDMA_NLDEV_ATTR_DEV_INDEX, index), u32(RDMA_NLDEV_NET_NS_FD, netnsFd)];
  return { type: RDMA_NLDEV_CMD_SET, flags: 0, body };
}

/** Reads a device of a list; undefined for anything else. */
export function readRdma(message: Message): RdmaDevice | undefined {
  if (message.type !== RDMA_NLDEV_CMD_GET) return undefined;
  const attributes = readAttributes(message.body);
  const index = attributes.get(RDMA_NLDEV_ATTR_DEV_INDEX);
  const ports = attributes.get(RDMA_NLDEV_ATTR_PORT_INDEX);
  if (!index) return undefined;
  const name = readText(attributes.get(RDMA_NLDEV_ATTR_DEV_NAME));
  return { index: readU32(index), name, ports: ports ? readU32(ports) : 0 };
}

/** Reads the interface of a port; "" where it has none, or one in another namespace. */
export function readRdmaPort(message: Message): string {
  return readText(readAttributes(message.body).get(RDMA_NLDEV_ATTR_NDEV_NAME));
}

/** Reads the system's mode; kernels before 5.2 say none, and share. */
export function readRdmaMode(message: Message): RdmaMode {
  const mode = readAttributes(message.body).get(RDMA_NLDEV_SYS_ATTR_NETNS_MODE);
  return mode?.[0] === 0 ? "exclusive" : "shared";
}
