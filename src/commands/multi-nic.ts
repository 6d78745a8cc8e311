import { multiNic } from "../lib/cni/multi-nic.ts";
import { runCni } from "../lib/cni/program.ts";
import { enter, type Slot } from "../lib/cni/slots.ts";
import { readStdin } from "../lib/cni/stdin.ts";
import { environment } from "../lib/settings.ts";
import type { Io } from "./verb.ts";
import { version } from "./version.ts";

/** The CNI plugin `multi-nic`: everything that VERSION does not need is loaded by the command. */
export function run(slot: Slot, io: Io): Promise<number> {
  return runCni(
    {
      name: "multi-nic",
      version: version(),
      // `-0` to `-9`, as upstream names them; two digits need two more bytes only where a pod has that many NICs.
      suffix: 2,
      async verbs(call) {
        const { cniDeps } = await import("./cni-deps.ts");
        return multiNic(await cniDeps(call.command, slot, io));
      },
    },
    { env: environment(), enter: () => enter(slot), readStdin, ...io },
  );
}
