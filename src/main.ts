import { takePlace } from "./commands/place.ts";
import type { Io } from "./commands/verb.ts";
import { explain } from "./lib/errors.ts";

/** One program: takes its arguments, answers with the exit code. */
type Program = (args: string[], io: Io) => Promise<number>;

/** Programs chosen by the name the binary was called by; everything else is the command line. */
const byName: Record<string, () => Promise<Program>> = {
  async "multi-nic"() {
    const place = takePlace();
    const { run } = await import("./commands/multi-nic.ts");
    return (_args, io) => run(place, io);
  },
  async "multi-nic-ipam"() {
    const place = takePlace();
    const { run } = await import("./commands/multi-nic-ipam.ts");
    return (_args, io) => run(place, io);
  },
  async "aws-ipvlan"() {
    const place = takePlace();
    const { run } = await import("./commands/aws-ipvlan.ts");
    return (_args, io) => run(place, io);
  },
};

const io: Io = { out: (text) => console.log(text), err: (text) => console.error(text) };
// Loading node:path would take a sixth of VERSION's time.
const calledBy = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
const load = byName[calledBy] ?? (async () => (await import("./commands/daemon.ts")).run);
try {
  const run = await load();
  process.exit(await run(process.argv.slice(2), io));
} catch (error) {
  io.err(`multinic: ${explain(error)}`);
  process.exit(1);
}
