import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/commands/cli.ts";
import { readLimits, readShape } from "../../src/commands/lab-shape.ts";

const shape = { hosts: 3, nics: 2, kinds: "nic", families: "4" };
const nowhere = join(tmpdir(), "multinic-no-such-lab");

async function multinic(...words: string[]) {
  const err: string[] = [];
  const code = await run(words, { out: () => {}, err: (text) => err.push(text) });
  return { code, err: err.join("\n") };
}

test("readShape takes the plugin that has the mode, when only the mode is named", () => {
  expect(readShape(shape).plugin).toBeUndefined();
  for (const [mode, plugin] of [
    ["l3s", "ipvlan"],
    ["vepa", "macvlan"],
  ] as const)
    expect(readShape({ ...shape, mode })).toMatchObject({ plugin, mode });
  expect(readShape({ ...shape, plugin: "macvlan" })).toMatchObject({ plugin: "macvlan" });
});

test("readShape refuses what no lab has, and names the flag and the choices", () => {
  for (const [flags, message] of [
    [{ mode: "zzz" }, /--mode: "zzz": choose l2, l3, l3s \(ipvlan\) or bridge/],
    [{ plugin: "macvlan", mode: "l3" }, /--mode: "l3": choose bridge.*\(macvlan\)$/],
    [{ kinds: "nic,x" }, /--kinds: "x": choose from nic, vlan, bond/],
    [{ families: "5" }, /--families: "5"/],
    [{ hosts: 0 }, /--hosts: 0: a lab has 1 to 64 hosts/],
    [{ nics: 99 }, /--nics: 99/],
  ] as const)
    expect(() => readShape({ ...shape, ...flags })).toThrow(message);
});

test("lab up and concheck answer 2 to flags that cannot be meant, before anything is started", async () => {
  for (const [words, message] of [
    [["lab", "up", "--hosts", "x"], /--hosts: give one number/],
    [["lab", "up", "--hosts", "0"], /--hosts: 0/],
    [["lab", "demo", "--seconds", "0"], /--seconds: 0/],
    [["concheck", "--seconds", "soon"], /--seconds: give one number/],
    [["concheck", "--seconds", "0"], /--seconds: 0/],
    [["concheck", "--from", "host1"], /--from, --to: give both/],
    [["concheck", "--from", "host1", "--to", "host1"], /two different hosts/],
  ] as const) {
    const ended = await multinic(...words, "--dir", nowhere);
    expect({ words, code: ended.code }).toEqual({ words, code: 2 });
    expect(ended.err).toMatch(message);
  }
});

test("lab --help lists the verbs that are for people", async () => {
  const main = join(import.meta.dir, "../../src/main.ts");
  const child = Bun.spawn([process.execPath, main, "lab", "--help"], { stdout: "pipe" });
  const help = await new Response(child.stdout).text();
  expect(help).toMatch(/lab up/);
  expect(help).not.toMatch(/lab inside/);
});

test("readLimits takes several resources and refuses anything else by flag", () => {
  expect(readLimits("")).toEqual({});
  expect(readLimits("nvidia.com/gpu=2, x.com/nic=1")).toEqual({
    "nvidia.com/gpu": 2,
    "x.com/nic": 1,
  });
  for (const text of ["gpu", "gpu=0", "gpu=-1", "a b=1"])
    expect(() => readLimits(text)).toThrow("--limits");
});
