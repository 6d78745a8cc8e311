import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finish, machine, multinic, processesOf } from "../support/lab.ts";

/** A folder for one test; what a lab makes is below it. */
function scratch() {
  const at = mkdtempSync(join(tmpdir(), "multinic-demotest-"));
  return { at, dir: join(at, "lab"), [Symbol.dispose]: () => rmSync(at, { recursive: true }) };
}

/** Starts the demo and resolves `seen` once it has printed `word`. */
function startDemo(dir: string, word: string) {
  const child = Bun.spawn([multinic, "lab", "demo", "--dir", dir], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const seen = (async () => {
    let text = "";
    for await (const chunk of child.stdout) {
      text += new TextDecoder().decode(chunk);
      if (text.includes(word)) return text;
    }
    throw new Error(`the demo ended without ${word}: ${text}`);
  })();
  return { child, seen };
}

test("lab demo shows its eight steps within 100 columns and leaves the machine as it was", async () => {
  using folder = scratch();
  const before = await machine();
  const { code, out, err } = await finish([multinic, "lab", "demo", "--dir", folder.dir]);
  expect(`${err}${code}`).toBe("0");
  const steps = out.split("\n").flatMap((line) => /^(\d)\. /.exec(line)?.[1] ?? []);
  expect(steps.join("")).toBe("12345678");
  expect(out.split("\n").filter((line) => line.length > 100)).toEqual([]);
  const part = (n: number) => out.slice(out.indexOf(`\n${n}. `), out.indexOf(`\n${n + 1}. `));
  for (const host of ["host1", "host2", "host3"]) {
    for (const nic of ["eth1", "eth2"]) expect(part(1)).toMatch(new RegExp(`${host} +${nic} `));
  }
  // The worked example of the address plan.
  expect(part(2)).toMatch(
    /0 +10\.0\.1\.0\/24 +192\.168\.0\.0\/18 +host1 +eth1 +192\.168\.0\.0\/24/,
  );
  expect(part(2)).toMatch(
    /1 +10\.0\.2\.0\/24 +192\.168\.64\.0\/18 +host1 +eth2 +192\.168\.64\.0\/24/,
  );
  expect(part(3)).toContain("30000:");
  expect(part(3)).toMatch(/192\.168\.1\.0\/24 via 10\.0\.1\.2 dev eth1/);
  expect(part(4)).toMatch(/net1-0\S* +\S+ +192\.168\.0\.1\/18/);
  const pairs = part(5)
    .split("\n")
    .filter((line) => /2\/2/.test(line));
  expect(pairs).toHaveLength(6);
  expect(part(5)).toMatch(/\d [GM]bits\/s|\d [GM]bit\/s|\d+(\.\d+)?[GM]/);
  expect(part(6).match(/ 1\/254 /g)).toHaveLength(6);
  expect(part(7)).toMatch(/on-link|looked up/);
  const last = out.slice(out.indexOf("\n8. "));
  const counts = last.split("\n").flatMap((line) => /^ +(\d+) /.exec(line)?.[1] ?? []);
  expect(counts.length).toBeGreaterThan(6);
  expect(new Set(counts)).toEqual(new Set(["0"]));
  expect(await machine()).toEqual(before);
  expect(await processesOf(folder.dir)).toEqual([]);
  expect(readdirSync(folder.at)).toEqual([]);
});

const interruptions: { signal: NodeJS.Signals; at: string; word: string }[] = [
  { signal: "SIGINT", at: "while it shows", word: "1. NICs" },
  { signal: "SIGTERM", at: "with pods attached", word: "4. Addresses" },
  { signal: "SIGHUP", at: "with pods attached", word: "4. Addresses" },
];
for (const { signal, at, word } of interruptions) {
  test(`lab demo leaves nothing after ${signal} ${at}`, async () => {
    using folder = scratch();
    const before = await machine();
    const { child, seen } = startDemo(folder.dir, word);
    await seen;
    child.kill(signal);
    expect(await child.exited).toBe(130);
    expect(await machine()).toEqual(before);
    expect(await processesOf(folder.dir)).toEqual([]);
    expect(readdirSync(folder.at)).toEqual([]);
  });
}

test("lab demo leaves nothing when it is interrupted before anything is up", async () => {
  using folder = scratch();
  const child = Bun.spawn([multinic, "lab", "demo", "--dir", folder.dir], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  while (!existsSync(join(folder.dir, "kubeconfig"))) await new Promise(setImmediate);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(130);
  expect(await processesOf(folder.dir)).toEqual([]);
  expect(readdirSync(folder.at)).toEqual([]);
});

test("lab up leaves nothing when it is interrupted", async () => {
  using folder = scratch();
  const child = Bun.spawn([multinic, "lab", "up", "--dir", folder.dir], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  while (!existsSync(join(folder.dir, "kubeconfig"))) await new Promise(setImmediate);
  child.kill("SIGINT");
  expect(await new Response(child.stderr).text()).toContain("Interrupted");
  expect(await child.exited).toBe(1);
  expect(await processesOf(folder.dir)).toEqual([]);
  expect(readdirSync(folder.at)).toEqual([]);
});

test("lab refuses a folder that holds somebody's files and does not touch it", async () => {
  using folder = scratch();
  mkdirSync(folder.dir);
  writeFileSync(join(folder.dir, "thesis.txt"), "years of work");
  for (const verb of ["demo", "up"]) {
    const { code, err } = await finish([multinic, "lab", verb, "--dir", folder.dir]);
    expect(code).toBe(1);
    expect(err).toContain("holds files that are no lab's");
  }
  await finish([multinic, "lab", "down", "--dir", folder.dir]);
  expect(readdirSync(folder.dir)).toEqual(["thesis.txt"]);
});

test("lab up says which program is missing and leaves nothing", async () => {
  using folder = scratch();
  const child = Bun.spawn([multinic, "lab", "up", "--dir", folder.dir], {
    env: { PATH: folder.at },
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await new Response(child.stderr).text()).toContain("ip is not installed");
  expect(await child.exited).toBe(1);
  expect(existsSync(folder.dir)).toBe(false);
});

test("lab up that cannot start its hosts says why, ends what it began and removes its folder", async () => {
  using folder = scratch();
  const before = await machine();
  // A way into a host that does not let nicd through.
  const bin = join(folder.at, "bin");
  mkdirSync(bin);
  const real = Bun.which("nsenter");
  writeFileSync(
    join(bin, "nsenter"),
    `#!/bin/sh\ncase "$*" in *nicd*) exit 3;; esac\nexec ${real} "$@"\n`,
    {
      mode: 0o755,
    },
  );
  const child = Bun.spawn([multinic, "lab", "demo", "--dir", folder.dir], {
    env: { ...Bun.env, PATH: `${bin}:${Bun.env["PATH"]}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const err = await new Response(child.stderr).text();
  expect(await child.exited).not.toBe(0);
  expect(err).toContain("nicd of host");
  expect(await machine()).toEqual(before);
  expect(await processesOf(folder.dir)).toEqual([]);
  expect(existsSync(folder.dir)).toBe(false);
});
