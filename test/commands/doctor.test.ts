import { expect, test } from "bun:test";
import { run } from "../../src/commands/cli.ts";

async function multinic(...words: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (text: string) => out.push(text), err: (text: string) => err.push(text) };
  const code = await run(words, io);
  return { code, out, err: err.join("\n") };
}

test.each([
  [["doctor", "-o", "xml"], "output"],
  [["doctor", "--bogus"], "bogus"],
  [["gc", "--dry"], "dry"],
  [["gc", "now"], "now"],
])("%p is a usage error", async (words, named) => {
  const { code, out, err } = await multinic(...words);
  expect({ code, out }).toEqual({ code: 2, out: [] });
  expect(err).toContain(named);
});
