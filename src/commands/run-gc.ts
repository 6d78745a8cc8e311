import { gc } from "../lib/diag/gc.ts";
import { environment, nodePaths } from "../lib/settings.ts";
import type { Flags, Io } from "./verb.ts";

/** Prints each step: exit 0 = all of it is done, 1 = something could not be, which is said on stderr. */
export async function runGc(flags: Flags, io: Io): Promise<number> {
  const dryRun = flags["dry-run"] === true;
  // The lab promises that its PID namespace holds every process of its hosts; a real host's is the first one.
  const seesAll = environment()["MULTINIC_ALL_PROCESSES"] === "1";
  const done = await gc({ dryRun }, { paths: nodePaths(), seesAll });
  for (const step of done.steps) io.out(dryRun ? `would ${step}` : step);
  for (const failure of done.failures) io.err(failure);
  return done.failures.length === 0 ? 0 : 1;
}
