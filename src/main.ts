import { basename } from "node:path";
import type { Io } from "./commands/verb.ts";
import { explain } from "./lib/errors.ts";

/** One program: takes its arguments, answers with the exit code. */
type Program = (args: string[], io: Io) => Promise<number>;

/** Programs chosen by the name the binary was called by; everything else is the command line. */
const byName: Record<string, () => Promise<{ run: Program }>> = {
  "multi-nic": () => import("./commands/multi-nic.ts"),
  "multi-nic-ipam": () => import("./commands/multi-nic-ipam.ts"),
  "aws-ipvlan": () => import("./commands/aws-ipvlan.ts"),
};

const io: Io = { out: (text) => console.log(text), err: (text) => console.error(text) };
const load = byName[basename(process.argv0)] ?? (() => import("./commands/cli.ts"));
try {
  const { run } = await load();
  process.exit(await run(process.argv.slice(2), io));
} catch (error) {
  io.err(`multinic: ${explain(error)}`);
  process.exit(1);
}
