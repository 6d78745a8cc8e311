import { nicdVerb } from "./nicd.ts";
import { operatorVerb } from "./operator.ts";
import { plainFlags } from "./plain-flags.ts";
import type { Io, Verb } from "./verb.ts";

const daemons: readonly Verb[] = [nicdVerb, operatorVerb];

/** Runs the command line; a daemon whose flags are plain starts without yargs, which would stay in its memory: 5 MB. */
export async function run(args: string[], io: Io): Promise<number> {
  const verb = daemons.find(({ command }) => command === args[0]);
  const flags = verb && plainFlags(args.slice(1), verb.flags ?? {});
  if (verb?.run && flags) return verb.run(flags, io);
  return (await import("./cli.ts")).run(args, io);
}
