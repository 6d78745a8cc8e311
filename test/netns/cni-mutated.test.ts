import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { environment } from "../../src/lib/settings.ts";
import { type CniAnswer, type CniNode, cniNode } from "../support/cni.ts";
import { subjects } from "../support/conformance.ts";
import { mutateJson, mutateText } from "../support/mutate.ts";
import { kernelHas, scratch } from "../support/netns.ts";
import { type Random, random } from "../support/random.ts";

const able = kernelHas("macvlan");
/** Inputs from this seed; a failure names the run. 2,000 take a minute, the first 500 of them a quarter of it. */
const seed = 71;
const runs = Number(environment()["MULTINIC_MUTATED_RUNS"] ?? 500);
let at: CniNode;

beforeAll(async () => {
  if (able) at = await cniNode("mutated");
});
afterAll(async () => {
  if (able) await at[Symbol.asyncDispose]();
});

const names = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS", "CNI_PATH", "CNI_ARGS"];

/** Variables that no runtime would send; execve takes no NUL, and a word longer than 128 KiB neither. */
function mutatedEnvironment(of: Random): Record<string, string> {
  if (of.int(2) === 0) return {};
  const value = mutateText(of.pick(["ADD", "net1", "/run/netns/x", "A=1;IP=10.0.0.1"]), of);
  return { [of.pick(names)]: value.replaceAll("\0", "").slice(0, 5000) };
}

/** The spec's form: a result, nothing, or an error object with its code; and nothing unexpected inside. */
function expectForm(answer: CniAnswer, where: string): void {
  if (answer.exitCode !== 0) {
    const { code, msg, cniVersion } = answer.json;
    expect([typeof code, typeof msg, typeof cniVersion], where).toEqual([
      "number",
      "string",
      "string",
    ]);
  }
  expect([0, 1], where).toContain(answer.exitCode);
  expect(answer.out + answer.err, where).not.toMatch(
    /TypeError|RangeError|is not a function|undefined is|Bun v|\bat .*\.ts:/,
  );
}

describe.if(able)("the built programs", () => {
  test(`answer ${runs} mutated calls in the spec's form and leave pod, host and record as they were`, async () => {
    using pod = scratch("mutated");
    const netns = pod.netns.path;
    const of = random(seed);
    const hostLinks = () => at.host.kernel.links().map(({ name }) => name);
    const before = hostLinks();
    for (let i = 0; i < runs; i++) {
      const subject = of.pick(subjects);
      const { program } = subject;
      const command = of.pick(["ADD", "ADD", "ADD", "DEL", "CHECK", "STATUS", "GC"]);
      const mutated = mutateJson(subject.config(), of);
      const text = JSON.stringify(mutated) ?? "";
      const stdin = of.int(5) === 0 ? mutateText(text, of) : text;
      const env = mutatedEnvironment(of);
      const containerID = env["CNI_CONTAINERID"] ?? `m${i}`;
      const call = { program, containerID, netns, config: {}, stdin, env };
      const answer = await at.call({ ...call, command });
      const where = `seed ${seed}, run ${i}: ${program} ${command} ${JSON.stringify(env)} ${stdin.slice(0, 400)}`;
      expectForm(answer, where);
      for (const { network, ifname, containerID: id } of at.node.attachments.list()) {
        const config = { ...subject.config(), name: network };
        const gone = { program, command: "DEL", containerID: id, ifname, netns, config };
        expect((await at.call(gone)).exitCode, where).toBe(0);
      }
      expect(at.node.attachments.list(), where).toEqual([]);
      expect(
        pod.kernel.links().map(({ name }) => name),
        where,
      ).toEqual(["lo"]);
      expect(hostLinks(), where).toEqual(before);
    }
  }, 300_000);
});
