import { expect, setDefaultTimeout, test } from "bun:test";
import { parseInvocation } from "../../../src/lib/cni/invocation.ts";
import { recordedCalls } from "../../support/cnicalls.ts";
import { fuzz, fuzzTimeout } from "../../support/fuzz.ts";
import { mutateText } from "../../support/mutate.ts";

// Thousands of inputs: seconds, more on a busy machine.
setDefaultTimeout(fuzzTimeout(60_000));

const seeds = recordedCalls().map(({ env }) => env);

test("parseInvocation answers or refuses 25,000 mutated environments, and lets no bad name through", () => {
  const seen = fuzz({ seed: 21, runs: 25_000 }, (of) => {
    const env: Record<string, string | undefined> = { ...of.pick(seeds) };
    for (let left = 1 + of.int(3); left > 0; left--) {
      const name = of.pick(Object.keys(env));
      const what = of.int(6);
      if (what === 0) delete env[name];
      else if (what === 1) env[name] = "";
      else env[name] = mutateText(env[name] ?? "", of);
    }
    const call = parseInvocation(env, { suffix: of.pick([0, 2]) });
    if (["GC", "STATUS", "VERSION"].includes(call.command)) return;
    expect(call.containerID).toMatch(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/);
    expect(call.ifname).not.toMatch(/[/:\s\0]/);
    expect(new TextEncoder().encode(call.ifname).length).toBeWithin(1, 16);
  });
  expect(seen.answered).toBeGreaterThan(1000);
  expect(seen.refused).toBeGreaterThan(1000);
});
