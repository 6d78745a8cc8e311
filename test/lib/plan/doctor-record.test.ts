import { describe, expect, test } from "bun:test";
import type { IPPool } from "../../../src/lib/api/kinds.ts";
import {
  examinePoolsOfNode,
  examineSandboxes,
  type SandboxesSeen,
} from "../../../src/lib/plan/doctor-record.ts";
import type { Held } from "../../../src/lib/plan/held.ts";
import { heldOne, poolOf } from "./doctorworld.ts";

const one = heldOne("c1", ["192.168.0.1"]);
const two = heldOne("c2", ["192.168.0.2"]);

function alive(change: Partial<SandboxesSeen> = {}): SandboxesSeen {
  return {
    bootId: "boot",
    now: 10_000_000,
    sandboxes: new Set(["c1", "c2"]),
    netns: () => "present",
    podUids: undefined,
    ...change,
  };
}

describe("examineSandboxes", () => {
  const names = (change?: Partial<SandboxesSeen>) =>
    examineSandboxes([one, two], alive(change)).map(({ name, subject, mend }) => [
      name,
      subject,
      mend,
    ]);
  const lost = [["SandboxGone", "lab c2 net1", "multinic gc"]];

  test("finds nothing while the runtime lists every sandbox", () => {
    expect(names()).toEqual([]);
  });
  test("finds one that the runtime does not list any more", () => {
    expect(names({ sandboxes: new Set(["c1"]) })).toEqual(lost);
  });
  test("says nothing of an attachment that is being made: runtimes list a sandbox late", () => {
    expect(names({ sandboxes: new Set(["c1"]), now: 1_010_000 })).toEqual([]);
  });
  test("does not believe a runtime that lists none of ours while the namespace is there", () => {
    expect(names({ sandboxes: new Set(["other"]) })).toEqual([]);
  });
  test("without a runtime believes a namespace that is gone together with its pod", () => {
    const gone = {
      sandboxes: undefined,
      netns: (held: Held) => (held === two ? "gone" : "present"),
    } as const;
    expect(names({ ...gone, podUids: new Set(["uid-c1"]) })).toEqual(lost);
    expect(names({ ...gone, podUids: new Set(["uid-c1", "uid-c2"]) })).toEqual([]);
    expect(names({ ...gone, podUids: undefined })).toEqual([]);
    expect(names({ ...gone, netns: () => "unknown", podUids: new Set() })).toEqual([]);
  });
  test("finds attachments of an earlier boot", () => {
    expect(names({ bootId: "next" }).map(([name]) => name)).toEqual([
      "AttachmentOldBoot",
      "AttachmentOldBoot",
    ]);
  });
});

describe("examinePoolsOfNode", () => {
  const at = { now: 10_000_000, unreadable: new Set<string>() };
  const names = (held: Held[], pools: IPPool[], unreadable: string[] = []) =>
    examinePoolsOfNode(held, pools, { ...at, unreadable: new Set(unreadable) }).map(
      ({ name, subject }) => [name, subject],
    );
  const pool = poolOf("192.168.0.0/24", [one, two]);

  test("finds nothing where record and pools agree", () => {
    expect(names([one, two], [pool])).toEqual([]);
  });
  test("finds a row that is missing, and one of another pod", () => {
    expect(names([one, two], [poolOf("192.168.0.0/24", [one])])).toEqual([
      ["PoolRowMissing", "lab-192.168.0.0-24 192.168.0.2 lab c2 net1"],
    ]);
    const renamed = { ...two, pod: { ...two.pod, name: "other" } };
    expect(names([one, renamed], [pool])).toEqual([
      ["PoolRowMissing", "lab-192.168.0.0-24 192.168.0.2 lab c2 net1"],
    ]);
  });
  test("lets the mirror of a new attachment lag", () => {
    expect(
      examinePoolsOfNode([one], [poolOf("192.168.0.0/24", [])], { ...at, now: 1_009_000 }),
    ).toEqual([]);
  });
  test("finds a row that nobody holds", () => {
    expect(names([one], [pool])).toEqual([
      ["PoolRowStale", "lab-192.168.0.0-24 192.168.0.2 default/c2"],
    ]);
  });
  test("finds an address without pool, unless the pool is there and cannot be read", () => {
    expect(names([one], [])).toEqual([["PoolMissing", "lab 192.168.0.0/24"]]);
    expect(names([one], [], ["lab-192.168.0.0-24"])).toEqual([]);
  });
  test("finds an address that is excluded, and one outside its podCIDR", () => {
    const excluding = { ...pool, spec: { ...pool.spec, excludes: ["192.168.0.2/31"] } };
    expect(names([one, two], [excluding])).toEqual([["AddressExcluded", "192.168.0.2"]]);
    const nic = two.interfaces[0];
    const address = nic?.addresses[0];
    if (!nic || !address) throw new Error("no address");
    const moved = { ...address, podCIDR: "192.168.0.0/31" };
    const outside: Held = { ...two, interfaces: [{ ...nic, addresses: [moved] }] };
    expect(names([outside], [poolOf("192.168.0.0/31", [outside])])).toEqual([
      ["AddressOutsidePool", "192.168.0.2"],
    ]);
  });
  test("finds one address of two pods, in one network or in two", () => {
    const same = heldOne("c3", ["192.168.0.1"]);
    const found = examinePoolsOfNode([one, same], [poolOf("192.168.0.0/24", [one])], at);
    expect(found.map(({ name }) => name)).toContain("AddressTwice");
    const elsewhere: Held = { ...same, network: "other" };
    const other = poolOf("192.168.0.0/24", [elsewhere]);
    expect(names([one, elsewhere], [poolOf("192.168.0.0/24", [one]), other])).toEqual([
      ["AddressTwice", "192.168.0.1"],
    ]);
  });
});
