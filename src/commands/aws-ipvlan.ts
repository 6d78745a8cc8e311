import type { Io } from "./verb.ts";

/** The CNI plugin `aws-ipvlan`: answers in CNI form that it is not part of this build. */
export async function run(_args: string[], io: Io): Promise<number> {
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
