import { runCni } from "../lib/cni/program.ts";
import { enter, type Slot } from "../lib/cni/slots.ts";
import { readStdin } from "../lib/cni/stdin.ts";
import { awsEndpoints, environment } from "../lib/settings.ts";
import type { Io } from "./verb.ts";
import { version } from "./version.ts";

/** How long one call at EC2 is tried (ms): the kubelet waits minutes for a sandbox, and a pod that goes comes again. */
const patience = { ADD: 20_000, CHECK: 5_000, DEL: 10_000, GC: 0, STATUS: 2_000, VERSION: 0 };

/** The CNI plugin `aws-ipvlan`: an ipvlan with addresses that EC2 knows. */
export function run(slot: Slot, io: Io): Promise<number> {
  return runCni(
    {
      name: "aws-ipvlan",
      version: version(),
      suffix: 0,
      async verbs(call) {
        const [{ awsIpvlan }, { openCloud }, { cniDeps }] = await Promise.all([
          import("../lib/cni/aws-ipvlan.ts"),
          import("../lib/cni/cloud.ts"),
          import("./cni-deps.ts"),
        ]);
        const cloud = openCloud({
          ...awsEndpoints(),
          patienceMs: patience[call.command],
          now: () => Bun.nanoseconds() / 1e6,
          async pause(ms) {
            // EC2 may want few requests for a long time: other pods go on meanwhile.
            slot.giveBack();
            await Bun.sleep(ms);
            enter(slot);
          },
          random: Math.random,
        });
        return awsIpvlan({ ...(await cniDeps(call.command, slot, io)), cloud });
      },
    },
    { env: environment(), enter: () => enter(slot), readStdin, ...io },
  );
}
