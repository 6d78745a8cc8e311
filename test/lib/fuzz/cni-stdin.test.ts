import { expect, setDefaultTimeout, test } from "bun:test";
import { parseHeader } from "../../../src/lib/api/cni.ts";
import { parseNetwork } from "../../../src/lib/api/cni-network.ts";
import { formatResult } from "../../../src/lib/api/cni-result.ts";
import { attachRequest, planLink } from "../../../src/lib/cni/attach-plan.ts";
import { validAttachments } from "../../../src/lib/cni/gc.ts";
import { multiNic } from "../../../src/lib/cni/multi-nic.ts";
import { previousResult } from "../../../src/lib/cni/previous.ts";
import { type CniVerbs, runCni } from "../../../src/lib/cni/program.ts";
import { Failure } from "../../../src/lib/errors.ts";
import { recordedCalls } from "../../support/cnicalls.ts";
import { fakeCall, fakeWorld } from "../../support/cnifakes.ts";
import { fuzz, fuzzTimeout } from "../../support/fuzz.ts";
import { mutateJson, mutateText } from "../../support/mutate.ts";
import { type Random, random } from "../../support/random.ts";

// Thousands of cases on a busy machine.
setDefaultTimeout(fuzzTimeout(60_000));

const seeds = recordedCalls().map(({ stdin }) => stdin);

/** A recorded configuration, some of it changed: mostly its values, now and then the text itself. */
function mutated(of: Random): string {
  const text = of.pick(seeds);
  if (of.int(4) === 0 || text === "") return mutateText(text, of);
  const gc =
    of.int(6) === 0 ? { "cni.dev/valid-attachments": [{ containerID: "c", ifname: "i" }] } : {};
  return JSON.stringify(mutateJson({ ...JSON.parse(text), ...gc }, of)) ?? "";
}

/** The same verbs, but what they throw that is no Failure is noted: the program would word it as one. */
function watched(verbs: CniVerbs, surprises: unknown[]): CniVerbs {
  const watch =
    <A extends unknown[], R>(verb: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      verb(...args).catch((error) => {
        if (!(error instanceof Failure)) surprises.push(error);
        throw error;
      });
  return {
    ADD: watch(verbs.ADD),
    DEL: watch(verbs.DEL),
    CHECK: watch(verbs.CHECK),
    STATUS: watch(verbs.STATUS),
    GC: watch(verbs.GC),
  };
}

test("the readers of a CNI configuration answer or refuse 30,000 mutated ones", () => {
  const call = fakeCall("ADD");
  const seen = fuzz({ seed: 11, runs: 30_000 }, (of, i) => {
    const header = parseHeader(mutated(of));
    if (i % 3 === 0) return validAttachments(header);
    const before = previousResult(header);
    if (before) formatResult(before, header.cniVersion);
    const network = parseNetwork(header);
    const plan = planLink(network);
    return attachRequest(call, network, { plan, netns: { dev: 1n, ino: 2n } });
  });
  expect(seen.answered).toBeGreaterThan(1000);
  expect(seen.refused).toBeGreaterThan(5000);
});

test("multi-nic answers 6,000 mutated calls in the spec's form, and a refused ADD leaves nothing", async () => {
  const of = random(12);
  for (let i = 0; i < 6000; i++) {
    const command = of.pick(["ADD", "ADD", "DEL", "CHECK", "STATUS", "GC"]);
    const world = fakeWorld();
    const out: string[] = [];
    const surprises: unknown[] = [];
    const stdin = mutated(of);
    const exitCode = await runCni(
      {
        name: "multi-nic",
        version: "1",
        suffix: 2,
        verbs: async () => watched(multiNic(world.deps), surprises),
      },
      {
        env: { ...fakeCall(command).environment },
        enter: () => {},
        readStdin: async () => stdin,
        out: (text) => void out.push(text),
        err: () => {},
      },
    );
    const where = `seed 12, run ${i}, ${command} ${stdin.slice(0, 300)}`;
    expect(surprises, where).toEqual([]);
    expect(out.length, where).toBe(exitCode === 0 && command !== "ADD" ? 0 : 1);
    if (out[0] === undefined) continue;
    const answer: Record<string, unknown> = JSON.parse(out[0]);
    expect(typeof answer["cniVersion"], where).toBe("string");
    if (exitCode === 0) continue;
    expect([typeof answer["code"], typeof answer["msg"]], where).toEqual(["number", "string"]);
    if (command === "ADD") {
      expect(world.pod.names(), where).toEqual([]);
      const attached = world.asked.filter(({ verb }) => verb === "attach").length;
      expect(
        world.asked.filter(({ verb }) => verb === "detach"),
        where,
      ).toHaveLength(attached);
    }
  }
});
