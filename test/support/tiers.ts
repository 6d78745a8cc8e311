/**
 * Runs the tiers of `make test` and ends with `N passed, N failed, N skipped` alone on a line. Two at a time where there is a
 * second processor, the long ones first: each works in namespaces or guests of its own, and waits for much of its time. A tier
 * that cannot run at all (its set-up failed, no test was found) counts as one failure.
 *
 * Where real kernels, kubelets and API servers are at work, a file that failed beside the other tiers is run once more, alone,
 * when they are over. What passes then counts as passed, and is told at the end as unsteady, with what it said when it failed:
 * it is a defect of the test or of the program all the same, and to be looked into. Whatever fails twice has failed. So has
 * everything when more than a few files fail, and what is pure.
 */
import { availableParallelism } from "node:os";

interface Tier {
  readonly name: string;
  /** Arguments of bun. */
  readonly command: readonly string[];
  readonly paths: readonly string[];
  /** Works with time, processes and kernels that others load as well. */
  readonly isReal: boolean;
}

interface Counts {
  pass: number;
  fail: number;
  skip: number;
}

interface Failed {
  readonly tier: Tier;
  /** The test's file; undefined where the tier could not run. */
  readonly file: string | undefined;
  /** The lines that bun printed just before, and the test's name. */
  readonly said: string;
}

interface Result extends Counts {
  readonly failures: readonly Failed[];
}

/** What each tier shows: see README.md. In the order they are begun. */
const tiers: readonly Tier[] = [
  real("cluster", 1_200_000),
  real("uml", 600_000),
  real("lab", 300_000),
  real("netns", 120_000),
  {
    name: "unit",
    command: ["test", "--timeout=60000"],
    paths: ["test/lib", "test/commands", "test/layers.test.ts"],
    isReal: false,
  },
  real("qemu", 600_000),
  { name: "contract", command: ["test"], paths: ["test/contract"], isReal: false },
];

function real(name: string, timeoutMs: number): Tier {
  return {
    name,
    command: ["test", `--timeout=${timeoutMs}`],
    paths: [`test/${name}`],
    isReal: true,
  };
}

/** More files than this that fail are no accident. */
const mostAccidents = 3;

/** How much of an error is told again at the end. */
const linesOfFailure = 25;

/** Reads bun's closing lines (` 24 pass`, ` 0 fail`, ` 1 skip`). */
function counts(output: string): Counts {
  const read = (word: string) => {
    const found = [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1];
    return found === undefined ? 0 : Number(found);
  };
  return { pass: read("pass"), fail: read("fail"), skip: read("skip") + read("todo") };
}

/**
 * Reads what failed in bun's output with --only-failures: each `(fail)` line comes behind its error, those of one file behind
 * the file's name (`test/netns/routes.test.ts:`).
 */
function failures(tier: Tier, output: string): Failed[] {
  const found: Failed[] = [];
  let file: string | undefined;
  let before: string[] = [];
  for (const line of output.split("\n")) {
    before.push(line);
    if (/^\S+\.test\.ts:$/.test(line)) [file, before] = [line.slice(0, -1), []];
    if (!line.startsWith("(fail) ")) continue;
    found.push({ tier, file, said: before.slice(-linesOfFailure).join("\n") });
    before = [];
  }
  return found;
}

/** Runs one tier; what it says comes as it is said, or in one piece when it is over (`quiet`). */
async function runTier(
  tier: Tier,
  { quiet, paths = tier.paths }: { readonly quiet: boolean; readonly paths?: readonly string[] },
): Promise<Result> {
  const started = Date.now();
  const child = Bun.spawn([process.execPath, ...tier.command, "--only-failures", ...paths], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let said = "";
  const listen = async (from: ReadableStream<Uint8Array>) => {
    let output = "";
    const decoder = new TextDecoder();
    for await (const chunk of from) {
      const text = decoder.decode(chunk, { stream: true });
      output += text;
      if (quiet) said += text;
      else process.stdout.write(text);
    }
    return output;
  };
  const [, output] = await Promise.all([listen(child.stdout), listen(child.stderr)]);
  const code = await child.exited;
  const got = counts(output);
  if (code !== 0 && got.fail === 0) got.fail = 1;
  if (got.pass + got.fail === 0) got.fail = 1;
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  // Its own and its children's, in µs; daemons that outlived their parents are not in it.
  const busy = (Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6).toFixed(0);
  process.stdout.write(
    `${said}tier ${tier.name}: ${got.pass} passed, ${got.fail} failed, ${got.skip} skipped in ${seconds} s (${busy} s of processor time)\n\n`,
  );
  const told = failures(tier, output);
  if (got.fail > 0 && told.length === 0) {
    const end = output.split("\n").slice(-linesOfFailure).join("\n");
    told.push({ tier, file: undefined, said: `could not run:\n${end}` });
  }
  return { ...got, failures: told };
}

/** Runs the files of `failed` again, one after another, and returns what passed now. */
async function secondTry(failed: readonly Failed[]): Promise<Failed[]> {
  const files = new Set(failed.map(({ file }) => file));
  if (files.size > mostAccidents) return [];
  const passed: Failed[] = [];
  for (const file of files) {
    const those = failed.filter((one) => one.file === file);
    const tier = those[0]?.tier;
    if (file === undefined || !tier?.isReal) continue;
    process.stdout.write(`${file} failed beside other tiers: once more, alone\n`);
    const again = await runTier(tier, { quiet: true, paths: [file] });
    if (again.fail === 0) passed.push(...those);
  }
  return passed;
}

/** Runs what no other lane has begun, one tier after another. */
async function runLane(left: Tier[], quiet: boolean): Promise<Result[]> {
  const all: Result[] = [];
  for (let tier = left.shift(); tier; tier = left.shift()) {
    if (quiet) process.stdout.write(`tier ${tier.name} has begun\n`);
    all.push(await runTier(tier, { quiet }));
  }
  return all;
}

const wanted = process.argv.slice(2);
const chosen = tiers.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
// A third on two processors saves nothing, and each waits longer for what it starts.
const lanes = Math.min(2, availableParallelism(), chosen.length);
const lists = await Promise.all(Array.from({ length: lanes }, () => runLane(chosen, lanes > 1)));
const results = lists.flat();
const total: Counts = { pass: 0, fail: 0, skip: 0 };
for (const got of results) {
  total.pass += got.pass;
  total.fail += got.fail;
  total.skip += got.skip;
}
const failed = results.flatMap(({ failures }) => failures);
const unsteady = await secondTry(failed);
total.pass += unsteady.length;
total.fail -= unsteady.length;
// Once more at the end, where a reader of a long log looks first.
const tell = (how: string, list: readonly Failed[]) =>
  list.map(({ tier, file, said }) => `${how}: tier ${tier.name}, ${file ?? ""}\n${said}\n\n`);
process.stdout.write(tell("unsteady, passed alone", unsteady).join(""));
process.stdout.write(
  tell(
    "failed",
    failed.filter((one) => !unsteady.includes(one)),
  ).join(""),
);
process.stdout.write(`${total.pass} passed, ${total.fail} failed, ${total.skip} skipped\n`);
process.exit(total.fail === 0 ? 0 : 1);
