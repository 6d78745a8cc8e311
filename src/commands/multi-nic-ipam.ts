import { runCni } from "../lib/cni/program.ts";
import { enter, type Slot } from "../lib/cni/slots.ts";
import { readStdin } from "../lib/cni/stdin.ts";
import { environment } from "../lib/settings.ts";
import type { Io } from "./verb.ts";
import { version } from "./version.ts";

/** The CNI plugin `multi-nic-ipam`, for main plugins that are not ours. */
export function run(slot: Slot, io: Io): Promise<number> {
  return runCni(
    {
      name: "multi-nic-ipam",
      version: version(),
      suffix: 0,
      async verbs(call) {
        const [{ multiNicIpam }, { cniDeps }] = await Promise.all([
          import("../lib/cni/multi-nic-ipam.ts"),
          import("./cni-deps.ts"),
        ]);
        return multiNicIpam(await cniDeps(call.command, slot, io));
      },
    },
    { env: environment(), enter: () => enter(slot), readStdin, ...io },
  );
}
