import { readFileSync } from "node:fs";
import { codeOf, Failure } from "../errors.ts";

/** A device in the kubelet's record. */
export interface CheckpointDevice {
  readonly podUID: string;
  readonly resource: string;
  readonly id: string;
  /** undefined where the record has none; 0 may also mean that the device plugin named none (kubelet 1.20). */
  readonly numaNode?: number | undefined;
}

/** Largest record we read; a node with 250 pods of 16 devices has about 1 MiB with their answers. */
const maxBytes = 16 * 1024 * 1024;

/** Reads the kubelet's device record (`kubelet_internal_checkpoint`); undefined when there is none. */
export function readCheckpoint(path: string): CheckpointDevice[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new Failure(`Cannot read ${path}`, { code, cause });
  }
  try {
    return parseCheckpoint(text);
  } catch (cause) {
    throw new Failure(`Cannot read the kubelet's device record ${path}`, { cause });
  }
}

/**
 * Parses the record in both its forms: `DeviceIDs` as a list (before 1.20) and as lists by NUMA node (pkg/kubelet/cm/
 * devicemanager/checkpoint). Its checksum is Go's own over Go's printing of the structs, which nobody else can work out; a torn
 * file is no JSON. Throws when anything that we use has another form than expected.
 */
export function parseCheckpoint(text: string): CheckpointDevice[] {
  if (text.length > maxBytes) throw new Failure(`it has more than ${maxBytes} characters`);
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (cause) {
    throw new Failure("it is not JSON", { cause });
  }
  const data = record(record(root, "the record")["Data"], "Data");
  const entries = data["PodDeviceEntries"] ?? [];
  if (!Array.isArray(entries)) throw new Failure("Data.PodDeviceEntries is no list");
  return entries.flatMap((item: unknown, i) => {
    const at = `Data.PodDeviceEntries[${i}]`;
    const entry = record(item, at);
    const podUID = word(entry["PodUID"], `${at}.PodUID`);
    const resource = word(entry["ResourceName"], `${at}.ResourceName`);
    return devices(entry["DeviceIDs"], `${at}.DeviceIDs`).map((device) => ({
      podUID,
      resource,
      ...device,
    }));
  });
}

function devices(value: unknown, at: string): { id: string; numaNode?: number }[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return ids(value, at).map((id) => ({ id }));
  return Object.entries(record(value, at)).flatMap(([node, list]) => {
    if (!/^-?[0-9]{1,9}$/.test(node)) throw new Failure(`${at} has "${node}" for a NUMA node`);
    // -1 stands for a device without one.
    const numaNode = Number(node) >= 0 ? { numaNode: Number(node) } : {};
    return ids(list ?? [], `${at}.${node}`).map((id) => ({ id, ...numaNode }));
  });
}

function ids(value: unknown, at: string): string[] {
  if (!Array.isArray(value)) throw new Failure(`${at} is no list`);
  return value.map((id: unknown, i) => word(id, `${at}[${i}]`));
}

function word(value: unknown, at: string): string {
  if (typeof value === "string" && value !== "" && value.length <= 512) return value;
  throw new Failure(`${at} is no name`);
}

function record(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new Failure(`${at} is no object`);
}
