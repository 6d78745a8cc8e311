import type { PodDriver } from "./api-trouble.ts";
import type { TroubledLab } from "./troubled-lab.ts";

/** Starts and ends pods as the lab does: object, namespace, the built CNI program. */
export function labPods(at: Pick<TroubledLab, "addPod" | "removePod">, network: string): PodDriver {
  return {
    async add(host, name) {
      const pod = await at.addPod(host, name, network);
      return pod.interfaces.flatMap((link) => link.addresses.map((a) => a.split("/")[0] ?? ""));
    },
    async remove(name) {
      const failures = await at.removePod(name);
      if (failures.length > 0) throw new Error(failures.join("; "));
    },
  };
}
