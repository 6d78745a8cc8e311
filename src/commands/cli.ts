import yargs, { type Argv } from "yargs";
import { explain, InvalidInput } from "../lib/errors.ts";
import { cidrVerb } from "./cidr.ts";
import { concheckVerb } from "./concheck.ts";
import { convertVerb } from "./convert.ts";
import { doctorVerb } from "./doctor.ts";
import { explainVerb } from "./explain.ts";
import { gcVerb } from "./gc.ts";
import { labVerb } from "./lab.ts";
import { nicdVerb } from "./nicd.ts";
import { operatorVerb } from "./operator.ts";
import type { Flags, Io, Verb } from "./verb.ts";
import { version, versionVerb } from "./version.ts";

/** Every human verb. Each file imports what it runs only when it runs. */
const verbs: readonly Verb[] = [
  cidrVerb,
  labVerb,
  concheckVerb,
  doctorVerb,
  explainVerb,
  gcVerb,
  convertVerb,
  operatorVerb,
  nicdVerb,
  versionVerb,
];

/** Runs the command line; usage errors print help and answer 2. */
export async function run(args: string[], io: Io): Promise<number> {
  const outcome = { code: 0 };
  const cli = yargs(args)
    .scriptName("multinic")
    .version(version())
    .usage("$0 <command>")
    .help()
    .alias("help", "h")
    .completion("completion", "print a completion script for your shell")
    // What stands behind `--` is somebody else's command line (lab exec).
    .parserConfiguration({ "populate--": true })
    .wrap(100)
    .exitProcess(false)
    .fail((message, error, at) => {
      if (error) throw error;
      at.showHelp("error");
      io.err(`\n${message}`);
      outcome.code = 2;
    });
  await register(cli, verbs, { io, outcome }).parseAsync();
  return outcome.code;
}

function register(
  cli: Argv,
  list: readonly Verb[],
  to: { io: Io; outcome: { code: number } },
): Argv {
  for (const verb of list) {
    const build = (at: Argv) => {
      for (const [name, options] of Object.entries(verb.positionals ?? {}))
        at.positional(name, options);
      if (verb.flags) at.options(verb.flags);
      return verb.verbs ? register(at, verb.verbs, to) : at;
    };
    const act = async (flags: Flags) => {
      if (to.outcome.code !== 0 || !verb.run) return;
      try {
        checkNumbers(verb, flags);
        to.outcome.code = await verb.run(flags, to.io);
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        to.io.err(`multinic: ${explain(error)}`);
        to.outcome.code = 2;
      }
    };
    if (verb.describe === false) cli.command(verb.command, false, build, act);
    else cli.command(verb.command, verb.describe, build, act);
  }
  return cli
    .strict()
    .demandCommand(1, "Say what to do: one of the commands above.")
    .recommendCommands();
}

/** yargs makes NaN of a word where a number belongs, and lets it pass. */
function checkNumbers(verb: Verb, flags: Flags): void {
  const faults = Object.entries(verb.flags ?? {})
    .filter(([name, { type }]) => type === "number" && flags[name] !== undefined)
    .filter(([name]) => typeof flags[name] !== "number" || Number.isNaN(flags[name]))
    .map(([name]) => ({ path: `--${name}`, problem: "give one number" }));
  if (faults.length > 0)
    throw new InvalidInput(`Cannot run multinic ${verb.command.split(" ")[0]}`, faults);
}
