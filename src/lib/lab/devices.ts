import type { Ran } from "../diag/iperf.ts";
import { Failure } from "../errors.ts";
import type { LabHost } from "./topology.ts";

/** What NVIDIA's device plugin calls whole GPUs. */
export const gpuResource = "nvidia.com/gpu";
const record = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";

/** Runs a program on the host, to its end. */
type Exec = (command: readonly string[], options?: { stdin?: string }) => Promise<Ran>;

/**
 * The devices of a lab host and which pod has which, kept where a kubelet keeps it and in its form: nicd reads them there. A
 * pod gets the first free ones.
 */
export class HostDevices {
  readonly #host: LabHost;
  readonly #exec: Exec;
  readonly #holders = new Map<string, string>();

  constructor({ host, exec }: { host: LabHost; exec: Exec }) {
    this.#host = host;
    this.#exec = exec;
  }

  /** Gives a pod as many devices of each resource as its limits say; throws when there are not as many. */
  async allocate(podUID: string, limits: Readonly<Record<string, number>>): Promise<void> {
    for (const [resource, count] of Object.entries(limits)) {
      const all = resource === gpuResource ? this.#host.gpus.map((gpu) => gpu.uuid) : [];
      const free = all.filter((id) => !this.#holders.has(id)).slice(0, count);
      if (free.length < count) {
        throw new Failure(
          `Cannot give the pod ${count} of ${resource}: ${this.#host.name} has ${all.length}, ${free.length} of them free`,
        );
      }
      for (const id of free) this.#holders.set(id, podUID);
    }
    if (Object.keys(limits).length > 0) await this.#write();
  }

  /** Takes a pod's devices back. */
  async release(podUID: string): Promise<void> {
    const own = [...this.#holders].filter(([, holder]) => holder === podUID);
    for (const [id] of own) this.#holders.delete(id);
    if (own.length > 0) await this.#write();
  }

  async #write(): Promise<void> {
    const { gpus } = this.#host;
    const entries = [...this.#holders].map(([id, podUID]) => {
      const node = gpus.find((gpu) => gpu.uuid === id)?.numaNode ?? 0;
      const devices = { [node]: [id] };
      return {
        PodUID: podUID,
        ContainerName: "main",
        ResourceName: gpuResource,
        DeviceIDs: devices,
        AllocResp: "",
      };
    });
    const registered = { [gpuResource]: gpus.map((gpu) => gpu.uuid) };
    const text = JSON.stringify({
      Data: { PodDeviceEntries: entries, RegisteredDevices: registered },
      Checksum: 0,
    });
    // Renamed into place, as the kubelet does: a reader never sees half of it.
    const script = `mkdir -p $(dirname $0) && cat > $0.new && mv $0.new $0`;
    const { code, stderr } = await this.#exec(["sh", "-c", script, record], { stdin: text });
    if (code !== 0) throw new Failure(`Cannot write ${record}`, { cause: stderr.trim() });
  }
}
