/**
 * Runs the tiers of `make test` one after another and ends with `N passed, N failed, N skipped` alone on a line.
 * A tier that cannot run at all (its set-up failed, no test was found) counts as one failure.
 */

interface Tier {
  readonly name: string;
  readonly command: readonly string[];
}

interface Counts {
  pass: number;
  fail: number;
  skip: number;
}

/** What each tier shows: see README.md. */
const tiers: readonly Tier[] = [
  {
    name: "unit",
    command: ["test", "--timeout=60000", "test/lib", "test/commands", "test/layers.test.ts"],
  },
  { name: "contract", command: ["test", "test/contract"] },
  { name: "netns", command: ["test", "--timeout=120000", "test/netns"] },
  { name: "lab", command: ["test", "--timeout=300000", "test/lab"] },
  { name: "uml", command: ["test", "--timeout=600000", "test/uml"] },
  { name: "qemu", command: ["test", "--timeout=600000", "test/qemu"] },
  { name: "cluster", command: ["test", "--timeout=1200000", "test/cluster"] },
];

/** Reads bun's closing lines (` 24 pass`, ` 0 fail`, ` 1 skip`). */
function counts(output: string): Counts {
  const read = (word: string) => {
    const found = [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1];
    return found === undefined ? 0 : Number(found);
  };
  return { pass: read("pass"), fail: read("fail"), skip: read("skip") + read("todo") };
}

async function runTier(tier: Tier): Promise<Counts> {
  const started = Date.now();
  const child = Bun.spawn([process.execPath, ...tier.command, "--only-failures"], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "pipe",
  });
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stderr) {
    const text = decoder.decode(chunk, { stream: true });
    output += text;
    process.stderr.write(text);
  }
  const code = await child.exited;
  const got = counts(output);
  if (code !== 0 && got.fail === 0) got.fail = 1;
  if (got.pass + got.fail === 0) got.fail = 1;
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    `tier ${tier.name}: ${got.pass} passed, ${got.fail} failed, ${got.skip} skipped in ${seconds} s\n\n`,
  );
  return got;
}

const wanted = process.argv.slice(2);
const total: Counts = { pass: 0, fail: 0, skip: 0 };
for (const tier of tiers) {
  if (wanted.length > 0 && !wanted.includes(tier.name)) continue;
  const got = await runTier(tier);
  total.pass += got.pass;
  total.fail += got.fail;
  total.skip += got.skip;
}
process.stdout.write(`${total.pass} passed, ${total.fail} failed, ${total.skip} skipped\n`);
process.exit(total.fail === 0 ? 0 : 1);
