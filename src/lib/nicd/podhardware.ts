import { existsSync, readFileSync } from "node:fs";
import { codeOf, explain, Failure } from "../errors.ts";
import { type CheckpointDevice, readCheckpoint } from "../linux/kubeletcheckpoint.ts";
import { readGpuUuids } from "../linux/nvidiagpus.ts";
import { readPciPlace } from "../linux/pciplaces.ts";
import type { Log } from "../log.ts";
import { faultCode, type PodRef } from "../node/contract.ts";
import { type Gpu, isPciAddress, type PciPlace, sysfsPci } from "../plan/choice-closeness.ts";
import type { PodDevice } from "../plan/choice-poddevices.ts";
import { listPodResources } from "./podresources.ts";

/** Where the node tells of devices. */
export interface HardwarePaths {
  readonly sysRoot: string;
  readonly procRoot: string;
  /** The kubelet's device record. */
  readonly checkpoint: string;
  /** The kubelet's PodResources socket. */
  readonly podResources: string;
  /** NVIDIA's topology file, which counts before sysfs: a virtual machine's sysfs does not know. */
  readonly topology: string;
}

/** What the kubelet gave to a pod, and where NICs and GPUs sit. */
export interface PodHardware {
  /** undefined = the kubelet could not be asked. */
  readonly devices: readonly PodDevice[] | undefined;
  readonly gpus: readonly Gpu[];
  readonly places: ReadonlyMap<string, PciPlace>;
  /** What could not be read, for the log and for people. */
  readonly notes: readonly string[];
}

/**
 * Finds a pod's devices: by its UID in the kubelet's record, else by its name in the PodResources API, whose answer may belong
 * to a predecessor of that name. undefined when neither is there.
 */
export async function devicesOfPod(
  pod: PodRef,
  paths: Pick<HardwarePaths, "checkpoint" | "podResources">,
): Promise<PodDevice[] | undefined> {
  let record: CheckpointDevice[] | undefined;
  let trouble: unknown;
  try {
    record = readCheckpoint(paths.checkpoint);
  } catch (error) {
    trouble = error;
  }
  if (record && pod.uid !== "") {
    return record
      .filter((device) => device.podUID === pod.uid)
      .map(({ resource, id, numaNode }) => ({ resource, id, numaNode }));
  }
  if (existsSync(paths.podResources)) {
    const pods = await listPodResources(paths.podResources);
    const own = pods.find(
      ({ namespace, name }) => namespace === pod.namespace && name === pod.name,
    );
    return [...(own?.devices ?? [])];
  }
  if (trouble !== undefined) throw trouble;
  // The kubelet makes the file with its first device plugin, and the socket at its start.
  return undefined;
}

/** Gathers what a choice by devices or by topology depends on; `nics` = PCI addresses of the host's NICs. */
export async function readPodHardware(
  pod: PodRef,
  of: { paths: HardwarePaths; nics: readonly string[]; network: readonly string[]; log: Log },
): Promise<PodHardware> {
  const { paths, log } = of;
  const notes: string[] = [];
  let devices: PodDevice[] | undefined;
  try {
    devices = await devicesOfPod(pod, paths);
    if (!devices) notes.push("the kubelet tells of no devices here");
  } catch (error) {
    notes.push(explain(error));
    log.warn("cannot ask the kubelet for a pod's devices", { pod, error: explain(error) });
  }
  const gpus = gpusOf(
    (devices ?? []).filter(({ resource }) => !of.network.includes(resource)),
    paths,
  );
  const addresses = [...of.nics, ...gpus.map((gpu) => gpu.pciAddress)].filter((pci) => pci !== "");
  const places = new Map<string, PciPlace>();
  for (const pci of addresses) {
    const place = readPciPlace(paths.sysRoot, pci);
    if (place) places.set(pci, place);
  }
  try {
    for (const [pci, place] of await readTopology(paths.topology)) places.set(pci, place);
  } catch (error) {
    notes.push(`${explain(error)}; sysfs was taken instead`);
    log.warn("cannot read the topology file", { error: explain(error) });
  }
  return { devices, gpus, places, notes };
}

/** Makes the error of an attach whose devices cannot be known now. */
export function unknownDevices(network: string, notes: readonly string[]): Failure {
  return new Failure(
    `Cannot tell which devices the pod has for network ${network}: ${notes.join("; ")}`,
    { code: String(faultCode.tryLater) },
  );
}

/** Display controllers (class 03) and processing accelerators (12), and what calls itself a GPU. */
function gpusOf(devices: readonly PodDevice[], paths: HardwarePaths): Gpu[] {
  if (devices.length === 0) return [];
  const uuids = readGpuUuids(paths.procRoot);
  return devices.flatMap(({ resource, id, numaNode }) => {
    // A GPU that is shared by time has `::<n>` behind its UUID (NVIDIA k8s-device-plugin).
    const plain = id.replace(/::[0-9]+$/, "");
    const pciAddress = sysfsPci(uuids.get(plain) ?? plain);
    const place = readPciPlace(paths.sysRoot, pciAddress);
    const named = /^(GPU|MIG)-/.test(plain) || /(^|[./-])(gpu|mig)([./-]|$)/i.test(resource);
    if (place) return /^(03|12)/.test(place.pciClass) ? [{ id, pciAddress, numaNode }] : [];
    if (!named && !uuids.has(plain)) return [];
    return [{ id, pciAddress: isPciAddress(pciAddress) ? pciAddress : "", numaNode }];
  });
}

/** Reads NVIDIA's topology file, PCI addresses as sysfs writes them; empty when there is none. */
async function readTopology(path: string): Promise<Map<string, PciPlace>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return new Map();
    throw new Failure(`Cannot read ${path}`, { code, cause });
  }
  // Loaded only where there is such a file.
  const { parseNvidiaTopology } = await import("../linux/nvidiatopology.ts");
  try {
    const places = [...parseNvidiaTopology(text)];
    return new Map(places.map(([pci, place]) => [sysfsPci(pci), place]));
  } catch (cause) {
    throw new Failure(`Cannot read the topology file ${path}`, { cause });
  }
}
