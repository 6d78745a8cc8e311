import { InvalidInput } from "../lib/errors.ts";
import { askLab } from "../lib/lab/control.ts";
import { defaultDir } from "../lib/lab/enclosure.ts";
import type { Flags, Io } from "./verb.ts";

/** Checks the lab that is up; exit 1 when a pair is not fully connected. */
export async function runConcheck(flags: Flags, io: Io): Promise<number> {
  const { from, to } = flags;
  if ((from === undefined) !== (to === undefined)) {
    throw new InvalidInput("Cannot check one pair", [
      { path: "--from, --to", problem: "give both or none" },
    ]);
  }
  const dir = typeof flags["dir"] === "string" ? flags["dir"] : defaultDir();
  const { outcomes, table, connected } = await askLab(dir, "concheck", {
    network: String(flags["network"]),
    seconds: Number(flags["seconds"]),
    ...(typeof from === "string" && typeof to === "string" ? { from, to } : {}),
  });
  io.out(flags["output"] === "json" ? JSON.stringify(outcomes, null, 2) : table);
  return connected ? 0 : 1;
}
