import { describe, expect, test } from "bun:test";
import yargs from "yargs";
import { nicdVerb } from "../../src/commands/nicd.ts";
import { operatorVerb } from "../../src/commands/operator.ts";
import { plainFlags } from "../../src/commands/plain-flags.ts";
import type { Verb } from "../../src/commands/verb.ts";

/** What yargs hands over, without its own `_`, `$0`, camel-cased doubles and what is not given. */
function byYargs(args: string[], flags: NonNullable<Verb["flags"]>): Record<string, unknown> {
  const parsed: Record<string, unknown> = { ...yargs(args).options(flags).parseSync() };
  return Object.fromEntries(
    Object.keys(flags)
      .filter((name) => parsed[name] !== undefined)
      .map((name) => [name, parsed[name]]),
  );
}

describe("plainFlags", () => {
  const plain: [Verb, string[]][] = [
    [nicdVerb, []],
    [nicdVerb, ["--node", "worker-1", "--health-port=0", "--log-level", "debug"]],
    [nicdVerb, ["--kubeconfig=/a=b/config", "--health-port", "11001", "--node=007"]],
    [operatorVerb, ["--kubeconfig", "/lab/kubeconfig", "--health-port", "0"]],
    [operatorVerb, ["--namespace=multi-nic", "--log-level=warn"]],
  ];
  for (const [verb, args] of plain) {
    test(`plainFlags reads ${verb.command} ${args.join(" ")} as yargs does`, () => {
      const flags = verb.flags ?? {};
      expect<unknown>(plainFlags(args, flags)).toEqual(byYargs(args, flags));
    });
  }

  const others = [
    ["--help"],
    ["-h"],
    ["help"],
    ["--node"],
    ["--node="],
    ["--node", "--log-level"],
    ["--node", "a", "--node", "b"],
    ["--nod", "a"],
    ["--no-node", "a"],
    ["--health-port", "many"],
    ["--health-port", "0x10"],
    ["--log-level", "loud"],
    ["--healthPort", "1"],
    ["--toString", "x"],
    ["--node", "a", "b"],
    ["--", "--node"],
  ];
  for (const args of others) {
    test(`plainFlags leaves nicd ${args.join(" ")} to yargs`, () => {
      expect(plainFlags(args, nicdVerb.flags ?? {})).toBeUndefined();
    });
  }

  test("plainFlags leaves the operator's --leader-elect to yargs, which knows --no-leader-elect too", () => {
    for (const flag of ["--leader-elect=false", "--no-leader-elect"])
      expect(plainFlags([flag], operatorVerb.flags ?? {})).toBeUndefined();
  });
});
