import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { silentLog } from "../../../src/lib/log.ts";
import { readAttach, readGc, readKey, readStatus } from "../../../src/lib/nicd/requests.ts";
import { serveNode } from "../../../src/lib/nicd/server.ts";
import { verbs } from "../../../src/lib/node/contract.ts";
import { readTombstones } from "../../../src/lib/node/tombstone.ts";
import { attachRequest, testNode } from "../../support/attachments.ts";
import { fuzz, fuzzTimeout, runsOf } from "../../support/fuzz.ts";
import { mutateJson, mutateText } from "../../support/mutate.ts";
import { random } from "../../support/random.ts";

// Thousands of cases on a busy machine.
setDefaultTimeout(fuzzTimeout(60_000));

const whole = {
  ...attachRequest("c1", {
    ips: ["192.168.0.9", "fd00::1/64"],
    deviceIDs: ["0000:00:05.0"],
    request: { nics: 1, masters: ["eth1"], target: "1Gbps", class: "fast" },
  }),
  valid: [{ containerID: "c1", ifname: "net1" }],
};

test("the readers of nicd's socket answer or refuse 30,000 mutated bodies", () => {
  const seen = fuzz({ seed: 31, runs: 30_000 }, (of, i) => {
    const body = mutateJson(whole, of);
    const read = [readAttach, readGc, readStatus, (b: unknown) => readKey("detach", b)][i % 4];
    return read?.(body);
  });
  expect(seen.answered).toBeGreaterThan(1000);
  expect(seen.refused).toBeGreaterThan(1000);
});

test("nicd answers 2,000 mutated requests over its socket in its form, and keeps its record whole", async () => {
  using node = testNode();
  const socket = join(node.folder, "run", "nicd.sock");
  const server = await serveNode({ ...node, log: silentLog, socket });
  const of = random(32);
  const held = new Set<string>();
  try {
    const runs = runsOf(2000);
    for (let i = 0; i < runs; i++) {
      const verb = of.pick([...verbs, "attach"]);
      const fresh = {
        ...whole,
        containerID: `c${of.int(400)}`,
        ips: [],
        deviceIDs: [],
        request: {},
        // A GC of this network would take everything away.
        ...(verb === "gc" ? { network: "other" } : {}),
      };
      const body = of.int(3) === 0 ? fresh : mutateJson(fresh, of);
      const text = JSON.stringify(body) ?? "";
      const answer = await fetch(`http://nicd/v1/${verb}`, {
        unix: socket,
        method: "POST",
        body: of.int(6) === 0 ? mutateText(text, of) : text,
      });
      const said: Record<string, unknown> = JSON.parse(await answer.text());
      const where = `seed 32, run ${i}: ${verb} ${text.slice(0, 300)}`;
      if (!answer.ok) {
        expect([typeof said["code"], typeof said["msg"]], where).toEqual(["number", "string"]);
        expect(said["code"], where).not.toBe(100);
      }
    }
    for (const { interfaces } of node.attachments.list()) {
      for (const { addresses } of interfaces) {
        for (const { address } of addresses) {
          expect(held).not.toContain(address);
          held.add(address);
        }
      }
    }
    expect(held.size).toBeGreaterThan(50);
  } finally {
    await server.stop();
  }
});

test("readTombstones takes 3,000 mutated files for tombstones or for problems, and never stops at one", async () => {
  using node = testNode();
  const file = join(node.folder, "stone.json");
  const stone = JSON.stringify({ key: { network: "net", containerID: "c", ifname: "i" }, at: 1 });
  const of = random(33);
  let problems = 0;
  for (let i = 0; i < 3000; i++) {
    await Bun.write(file, mutateText(stone, of));
    const [found] = readTombstones(node.folder);
    if (found && "problem" in found) problems++;
  }
  expect(problems).toBeGreaterThan(1000);
});
