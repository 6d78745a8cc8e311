import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseNvidiaTopology } from "../../../src/lib/linux/nvidiatopology.ts";

const golden = join(import.meta.dir, "../../golden/topology");
const read = (name: string) => readFileSync(join(golden, name), "utf8");
const expected = JSON.parse(read("expected.json")) as Record<
  string,
  { busid: string; numa: number; switch: string }[]
>;

describe("parseNvidiaTopology", () => {
  test.each(["hgx-8gpu-8nic.xml", "small-vm.xml"])("finds every function of %s", (file) => {
    const places = parseNvidiaTopology(read(file));
    const seen = (expected[file] ?? []).map(({ busid }) => {
      const place = places.get(busid);
      return { busid, numa: place?.numaNode, switch: place?.path.at(-1) };
    });
    expect(seen).toEqual(
      (expected[file] ?? []).map(({ busid, numa, switch: above }) => ({
        busid,
        numa,
        switch: above,
      })),
    );
    expect(seen.length).toBeGreaterThan(3);
  });

  test("knows no node where numaid is -1, and takes a pci element without switch", () => {
    const places = parseNvidiaTopology(
      '<system><cpu numaid="-1"><pci busid="0000:01:00.0"/></cpu></system>',
    );
    expect([...places]).toEqual([["0000:01:00.0", { path: ["cpu-1"] }]]);
  });

  test.each<[string, string, string]>([
    ["nothing", "", "it is no XML"],
    ["a torn file", read("small-vm.xml").slice(0, 700), "it is no XML"],
    ["another document", "<html/>", "no element system"],
    ["a node that is no number", '<system><cpu numaid="x"/></system>', 'numaid is "x"'],
    ["a function without bus id", "<system><cpu><pci/></cpu></system>", "no busid"],
    ["one bus id twice", '<system><cpu><pci busid="a"/><pci busid="a"/></cpu></system>', "twice"],
    ["levels without end", `<system>${"<pci>".repeat(100_000)}`, "more than 64 levels"],
    ["a file too large", " ".repeat(2 ** 20 + 1), "characters"],
  ])("refuses %s", (_, text, why) => {
    expect(() => parseNvidiaTopology(text)).toThrow(why);
  });

  test("does not expand entities", () => {
    const bomb = `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><system><cpu numaid="0"><pci busid="&b;"/></cpu></system>`;
    let ids: string[] = [];
    try {
      ids = [...parseNvidiaTopology(bomb).keys()];
    } catch {
      // Refusing such a file is as good.
    }
    expect(ids.join()).not.toContain("aaaa");
  });
});
