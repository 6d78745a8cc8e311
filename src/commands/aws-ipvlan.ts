import { about, versionAnswer } from "../lib/cni/answer.ts";
import { environment } from "../lib/settings.ts";
import type { Io } from "./verb.ts";
import { version } from "./version.ts";

/**
 * The CNI plugin `aws-ipvlan`: answers in CNI form that it is not part of this build. DEL succeeds, for there is nothing of
 * ours to take away, and a refusal would keep a pod whose ADD was refused from ever going.
 */
export async function run(_args: string[], io: Io): Promise<number> {
  const command = environment()["CNI_COMMAND"];
  if (!command) {
    io.err(about("aws-ipvlan", version()));
    return 0;
  }
  if (command === "VERSION") {
    io.out(JSON.stringify(versionAnswer()));
    return 0;
  }
  if (command === "DEL") {
    io.err("aws-ipvlan is not built yet: an address that an earlier version put on an ENI stays");
    return 0;
  }
  io.out(
    JSON.stringify({
      cniVersion: "1.0.0",
      code: 100,
      msg: "aws-ipvlan is not built yet",
      details: "use plugin.type ipvlan or macvlan in the MultiNicNetwork",
    }),
  );
  return 1;
}
