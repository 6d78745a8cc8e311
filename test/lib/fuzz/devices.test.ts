import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCheckpoint } from "../../../src/lib/linux/kubeletcheckpoint.ts";
import { parseNvidiaTopology } from "../../../src/lib/linux/nvidiatopology.ts";
import { parsePodResources } from "../../../src/lib/nicd/podresources.ts";
import { fuzz, fuzzTimeout } from "../../support/fuzz.ts";
import { mutateBytes, mutateJson, mutateText } from "../../support/mutate.ts";
import { podResourcesAnswer } from "../../support/podresources.ts";

// Seconds on a quiet machine.
setDefaultTimeout(fuzzTimeout(120_000));

const golden = join(import.meta.dir, "../../golden");
const texts = readdirSync(join(golden, "kubelet"))
  .filter((name) => name.startsWith("checkpoint-"))
  .map((name) => readFileSync(join(golden, "kubelet", name), "utf8"));

test("parseCheckpoint answers or refuses 100,000 mutated records, and names no device by anything but a text", () => {
  const seen = fuzz({ seed: 51, runs: 100_000 }, (of) => {
    const text = of.pick(texts);
    const mutated =
      of.int(3) === 0 ? mutateText(text, of) : JSON.stringify(mutateJson(JSON.parse(text), of));
    for (const { podUID, resource, id, numaNode } of parseCheckpoint(mutated)) {
      const good = [podUID, resource, id].every((word) => typeof word === "string" && word !== "");
      if (!good || (numaNode !== undefined && !(numaNode >= 0)))
        throw new Error(JSON.stringify({ id, numaNode }));
    }
  });
  expect(seen.answered).toBeGreaterThan(10_000);
  expect(seen.refused).toBeGreaterThan(10_000);
});

test("parsePodResources answers or refuses 100,000 mutated answers", () => {
  const answers = [0, 1, 3].map((numaNode) =>
    // A Buffer's slice() is the same memory.
    Uint8Array.from(
      podResourcesAnswer([
        {
          namespace: "default",
          name: "a",
          containers: [[{ resource: "x.com/nic", ids: ["0000:03:02.0", "b"], numaNode }]],
        },
        {
          namespace: "default",
          name: "b",
          containers: [[], [{ resource: "x.com/gpu", ids: ["GPU-1"] }]],
        },
      ]),
    ),
  );
  const seen = fuzz({ seed: 52, runs: 100_000 }, (of) => {
    for (const { devices } of parsePodResources(mutateBytes(of.pick(answers), of))) {
      for (const { id, numaNode } of devices) {
        if (
          typeof id !== "string" ||
          (numaNode !== undefined && !(numaNode >= 0 && numaNode < 1024))
        )
          throw new Error(String(id));
      }
    }
  });
  expect(seen.answered).toBeGreaterThan(10_000);
  expect(seen.refused).toBeGreaterThan(10_000);
});

test("parseNvidiaTopology answers or refuses 100,000 mutated files", () => {
  const small = `<system version="1"><cpu numaid="0"><pci busid="ffff:ff:01.0" class="0x060400"><pci busid="0000:00:08.0"><gpu dev="0"/></pci><pci busid="0000:00:0a.0"/></pci><nic><net name="eth0"/></nic></cpu><cpu numaid="1"><pci busid="0000:80:00.0"/></cpu></system>`;
  const large = readFileSync(join(golden, "topology/small-vm.xml"), "utf8");
  const seen = fuzz({ seed: 53, runs: 100_000 }, (of, i) => {
    // The small one finds more for its time.
    const text = mutateText(i % 20 === 0 ? large : small, of);
    for (const [id, { path, numaNode }] of parseNvidiaTopology(text)) {
      if (typeof id !== "string" || path.length === 0 || path.length > 64) throw new Error(id);
      if (numaNode !== undefined && !(numaNode >= 0 && numaNode < 10_000)) throw new Error(id);
    }
  });
  expect(seen.answered).toBeGreaterThan(1_000);
  expect(seen.refused).toBeGreaterThan(10_000);
});
