import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  closestNics,
  type Gpu,
  hopsBetween,
  type PciPlace,
  sysfsPci,
} from "../../../src/lib/plan/choice-closeness.ts";
import { type Random, random } from "../../support/random.ts";

// Seconds on a quiet machine.
setDefaultTimeout(60_000);

const gpu = (pciAddress: string, numaNode?: number): Gpu => ({
  id: pciAddress,
  pciAddress,
  numaNode,
});

describe("hopsBetween", () => {
  const at = (...path: string[]): PciPlace => ({ path });
  test.each<[string, PciPlace | undefined, PciPlace | undefined, number]>([
    ["two functions on one bus", at("pci0000:00"), at("pci0000:00"), 2],
    ["two ports of one switch", at("r", "sw", "p1"), at("r", "sw", "p2"), 4],
    ["two switches below one root", at("r", "a", "a1"), at("r", "b", "b1"), 6],
    ["two roots", at("r"), at("s"), Number.POSITIVE_INFINITY],
    ["a function that is not known", undefined, at("r"), Number.POSITIVE_INFINITY],
  ])("counts %s", (_, a, b, want) => expect(hopsBetween(a, b)).toBe(want));
});

test.each([
  ["00000000:1B:00.0", "0000:1b:00.0"],
  ["0000:00:04.0", "0000:00:04.0"],
  ["00010000:01:00.7", "10000:01:00.7"],
  ["GPU-12", "GPU-12"],
])("sysfsPci writes %s as %s", (text, want) => expect(sysfsPci(text)).toBe(want));

describe("closestNics", () => {
  const places = new Map<string, PciPlace>([
    ["n0", { numaNode: 0, path: ["r0", "s0"] }],
    ["n0b", { numaNode: 0, path: ["r0", "s0"] }],
    ["n0far", { numaNode: 0, path: ["r2"] }],
    ["n1", { numaNode: 1, path: ["r1", "s1"] }],
    ["g0", { numaNode: 0, path: ["r0", "s0"] }],
    ["g1", { numaNode: 1, path: ["r1", "s1"] }],
    ["u", { path: ["r1", "s1"] }],
  ]);
  const choose = (nics: string[], gpus: Gpu[], count: number) =>
    closestNics(
      nics.map((pciAddress) => ({ pciAddress })),
      { gpus, places, count },
    ).map((found) => nics[found.nic]);

  test.each<[string, string[], Gpu[], number, (string | undefined)[]]>([
    ["the NIC of the GPU's NUMA node", ["n0", "n1"], [gpu("g1")], 1, ["n1"]],
    ["the NIC below the GPU's switch", ["n0far", "n0"], [gpu("g0")], 1, ["n0"]],
    [
      "a second NIC for no GPU before each has one",
      ["n0", "n0b", "n1"],
      [gpu("g0"), gpu("g1")],
      2,
      ["n0", "n1"],
    ],
    ["GPUs by their address, not as given", ["n0", "n1"], [gpu("g1"), gpu("g0")], 2, ["n0", "n1"]],
    [
      "a NIC of any GPU's node before one of none",
      ["n1", "n0", "n0far"],
      [gpu("g0")],
      2,
      ["n0", "n0far"],
    ],
    ["by switch alone where the GPU's node is not known", ["n0", "n1"], [gpu("u")], 1, ["n1"]],
    [
      "by the kubelet's NUMA node where the place is not known",
      ["n0", "n1"],
      [gpu("", 1)],
      1,
      ["n1"],
    ],
    ["nothing for no GPU", ["n0", "n1"], [], 1, []],
    ["as many as there are", ["n0"], [gpu("g0")], 3, ["n0"]],
  ])("takes %s", (_, nics, gpus, count, want) => expect(choose(nics, gpus, count)).toEqual(want));

  test("never takes a NIC off the GPUs' NUMA nodes while one on them is left, for 10,000 seeded machines", () => {
    const of = random(31);
    for (let run = 0; run < 10_000; run++) {
      const { nics, gpus, where } = someMachine(of);
      const count = 1 + of.int(nics.length);
      const found = closestNics(nics, { gpus, places: where, count });
      const nodes = new Set(gpus.map((each) => where.get(each.pciAddress)?.numaNode));
      const on = (i: number) => nodes.has(where.get(nics[i]?.pciAddress ?? "")?.numaNode ?? -1);
      const taken = new Set(found.map((each) => each.nic));
      const left = [...nics.keys()].filter((i) => !taken.has(i));
      const wrong = found.some(({ nic }) => !on(nic)) && left.some(on);
      const perGpu = gpus.map((each) => found.filter((f) => f.gpu === each).length);
      const uneven = Math.max(...perGpu) - Math.min(...perGpu) > 1;
      if (wrong || uneven || taken.size !== count) {
        throw new Error(JSON.stringify({ run, wrong, perGpu, count, found }));
      }
    }
  });

  test("takes the nearest NIC of all for one GPU, for 10,000 seeded machines", () => {
    const of = random(32);
    for (let run = 0; run < 10_000; run++) {
      const { nics, gpus, where } = someMachine(of);
      const [one] = gpus;
      if (!one) continue;
      const [found] = closestNics(nics, { gpus: [one], places: where, count: 1 });
      const key = (i: number) => {
        const place = where.get(nics[i]?.pciAddress ?? "");
        const own = where.get(one.pciAddress);
        const far = Math.min(99, hopsBetween(place, own));
        return (place?.numaNode === own?.numaNode ? 0 : 1000) + far;
      };
      const best = Math.min(...nics.keys().map(key));
      const first = [...nics.keys()].find((i) => key(i) === best);
      if (found?.nic !== first) throw new Error(JSON.stringify({ run, found, first }));
    }
  });
});

function someMachine(of: Random) {
  const where = new Map<string, PciPlace>();
  const place = (pciAddress: string) => {
    const numaNode = of.int(2);
    const path = [`r${numaNode}${of.int(2)}`, `s${of.int(3)}`, `p${of.int(3)}`];
    where.set(pciAddress, { numaNode, path: path.slice(0, 1 + of.int(3)) });
    return { pciAddress };
  };
  const nics = Array.from({ length: 1 + of.int(9) }, (_, i) => place(`n${i}`));
  const gpus = Array.from({ length: 1 + of.int(3) }, (_, i) => ({
    id: `g${i}`,
    ...place(`g${i}`),
  }));
  return { nics, gpus, where };
}
