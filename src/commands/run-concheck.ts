import { concheck, fullyConnected } from "../lib/diag/concheck.ts";
import { renderTable } from "../lib/diag/concheck-table.ts";
import { Failure, InvalidInput } from "../lib/errors.ts";
import { askLab, controlTransport } from "../lib/lab/control.ts";
import { defaultDir } from "../lib/lab/enclosure.ts";
import type { Pair } from "../lib/plan/matrix.ts";
import { readSeconds } from "./lab-shape.ts";
import type { Flags, Io } from "./verb.ts";

/** Where iperf3 servers listen in the pods. */
const port = 5201;

/** Checks the lab that is up; exit 1 when a pair is not fully connected, or a host was not tested. */
export async function runConcheck(flags: Flags, io: Io): Promise<number> {
  const dir = typeof flags["dir"] === "string" ? flags["dir"] : defaultDir();
  const network = String(flags["network"]);
  const wish = readPair(flags);
  const seconds = readSeconds(flags);
  const { endpoints: all, hosts } = await askLab(dir, "endpoints", { network });
  const wanted = wish ? [wish.from, wish.to] : hosts;
  const endpoints = all.filter((end) => wanted.includes(end.host));
  const without = wanted.filter((host) => !all.some((end) => end.host === host));
  if (endpoints.length < 2 || (wish && without.length > 0)) {
    throw new Failure(`Cannot check network ${network}`, { cause: noPods(without, hosts) });
  }
  if (without.length > 0)
    io.err(`Not checked: ${without.join(", ")}, which no pod of network ${network} is on`);
  const outcomes = await concheck(endpoints, controlTransport(dir), {
    seconds,
    port,
    ...(wish ? { only: wish } : {}),
    ...(process.stderr.isTTY ? { progress: (done, of) => io.err(`${done}/${of} pairs`) } : {}),
  });
  io.out(flags["output"] === "json" ? JSON.stringify(outcomes, null, 2) : renderTable(outcomes));
  // What was not looked at is not known to be connected.
  return fullyConnected(outcomes) && without.length === 0 ? 0 : 1;
}

function readPair(flags: Flags): Pair | undefined {
  const { from, to } = flags;
  if (from === undefined && to === undefined) return undefined;
  if (typeof from === "string" && typeof to === "string" && from !== to) return { from, to };
  throw new InvalidInput("Cannot check one pair", [
    { path: "--from, --to", problem: "give both, and two different hosts" },
  ]);
}

function noPods(without: readonly string[], hosts: readonly string[]): string {
  const unknown = without.filter((host) => !hosts.includes(host));
  if (unknown.length > 0)
    return `no host ${unknown.join(", ")} in this lab: it has ${hosts.join(", ")}`;
  if (without.length === 0) return "it needs two hosts";
  return `${without.join(", ")} without a pod of this network: add one with \`multinic lab pod add <name> --host ${without[0]}\``;
}
