import { expect, test } from "bun:test";
import { join } from "node:path";
import { environment } from "../../src/lib/settings.ts";

const root = join(import.meta.dir, "../..");

/** Runs test files with more inputs; what they print on a failure holds seed and run, and the corpus is theirs. */
async function withRuns(files: readonly string[], env: Record<string, string>): Promise<string> {
  const child = Bun.spawn([process.execPath, "test", "--timeout=1800000", ...files], {
    cwd: root,
    env: { ...environment(), ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await new Response(child.stderr).text();
  return (await child.exited) === 0 ? "" : said.slice(-8000);
}

test("every door in process takes 100,000 mutated inputs: stdin, environment, requests, objects, sysfs, netlink", async () => {
  expect(await withRuns(["test/lib/fuzz"], { MULTINIC_FUZZ_RUNS: "100000" })).toBe("");
}, 1_800_000);

test("the built programs take 2,000 mutated calls and leave pod, host and record as they were", async () => {
  const file = "test/netns/cni-mutated.test.ts";
  expect(await withRuns([file], { MULTINIC_MUTATED_RUNS: "2000" })).toBe("");
}, 1_800_000);
