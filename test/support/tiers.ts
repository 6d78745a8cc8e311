/**
 * Runs the tiers of `make test` and ends with `N passed, N failed, N skipped` alone on a line. Two at a time where there is a
 * second processor, the long ones first: each works in namespaces or guests of its own, and waits for much of its time. A tier
 * that cannot run at all (its set-up failed, no test was found) counts as one failure.
 */
import { availableParallelism } from "node:os";

interface Tier {
  readonly name: string;
  readonly command: readonly string[];
}

interface Counts {
  pass: number;
  fail: number;
  skip: number;
}

interface Result extends Counts {
  /** What failed, with the lines that bun printed just before. */
  readonly failures: readonly string[];
}

/** What each tier shows: see README.md. In the order they are begun. */
const tiers: readonly Tier[] = [
  { name: "cluster", command: ["test", "--timeout=1200000", "test/cluster"] },
  { name: "uml", command: ["test", "--timeout=600000", "test/uml"] },
  { name: "lab", command: ["test", "--timeout=300000", "test/lab"] },
  { name: "netns", command: ["test", "--timeout=120000", "test/netns"] },
  {
    name: "unit",
    command: ["test", "--timeout=60000", "test/lib", "test/commands", "test/layers.test.ts"],
  },
  { name: "qemu", command: ["test", "--timeout=600000", "test/qemu"] },
  { name: "contract", command: ["test", "test/contract"] },
];

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
function failures(output: string): string[] {
  const found: string[] = [];
  let file = "";
  let before: string[] = [];
  for (const line of output.split("\n")) {
    before.push(line);
    if (/^\S+\.test\.ts:$/.test(line)) [file, before] = [line, []];
    if (!line.startsWith("(fail) ")) continue;
    found.push([file, ...before.slice(-linesOfFailure)].join("\n"));
    before = [];
  }
  return found;
}

/** Runs one tier; what it says comes as it is said, or in one piece when it is over (`quiet`). */
async function runTier(tier: Tier, quiet: boolean): Promise<Result> {
  const started = Date.now();
  const child = Bun.spawn([process.execPath, ...tier.command, "--only-failures"], {
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
  process.stdout.write(
    `${said}tier ${tier.name}: ${got.pass} passed, ${got.fail} failed, ${got.skip} skipped in ${seconds} s\n\n`,
  );
  const told = failures(output);
  if (got.fail > 0 && told.length === 0)
    told.push(`which could not run:\n${output.split("\n").slice(-linesOfFailure).join("\n")}`);
  return { ...got, failures: told.map((said) => `tier ${tier.name}, ${said}\n`) };
}

/** Runs what no other lane has begun, one tier after another. */
async function runLane(left: Tier[], quiet: boolean): Promise<Result[]> {
  const all: Result[] = [];
  for (let tier = left.shift(); tier; tier = left.shift()) {
    if (quiet) process.stdout.write(`tier ${tier.name} has begun\n`);
    all.push(await runTier(tier, quiet));
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
// Once more at the end, where a reader of a long log looks first.
process.stdout.write(results.flatMap(({ failures }) => failures).join("\n"));
process.stdout.write(`${total.pass} passed, ${total.fail} failed, ${total.skip} skipped\n`);
process.exit(total.fail === 0 ? 0 : 1);
