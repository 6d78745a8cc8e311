import { concheck, fullyConnected, renderTable } from "../lib/diag/concheck.ts";
import { Failure, InvalidInput } from "../lib/errors.ts";
import { askLab, controlTransport } from "../lib/lab/control.ts";
import { defaultDir } from "../lib/lab/enclosure.ts";
import type { Flags, Io } from "./verb.ts";

/** Where iperf3 servers listen in the pods. */
const port = 5201;

/** Checks the lab that is up; exit 1 when a pair is not fully connected. */
export async function runConcheck(flags: Flags, io: Io): Promise<number> {
  const { from, to } = flags;
  if ((from === undefined) !== (to === undefined)) {
    throw new InvalidInput("Cannot check one pair", [
      { path: "--from, --to", problem: "give both or none" },
    ]);
  }
  const dir = typeof flags["dir"] === "string" ? flags["dir"] : defaultDir();
  const network = String(flags["network"]);
  const all = await askLab(dir, "endpoints", { network });
  const endpoints =
    from === undefined ? all : all.filter((end) => end.host === from || end.host === to);
  if (endpoints.length < 2) {
    throw new Failure(`Cannot check network ${network}`, {
      cause: `it has pods on ${endpoints.length} of the hosts asked for: add one on each with \`multinic lab pod add\``,
    });
  }
  const outcomes = await concheck(endpoints, controlTransport(dir), {
    seconds: Number(flags["seconds"]),
    port,
    ...(typeof from === "string" && typeof to === "string" ? { only: { from, to } } : {}),
    ...(process.stderr.isTTY ? { progress: (done, of) => io.err(`${done}/${of} pairs`) } : {}),
  });
  io.out(flags["output"] === "json" ? JSON.stringify(outcomes, null, 2) : renderTable(outcomes));
  return fullyConnected(outcomes) ? 0 : 1;
}
