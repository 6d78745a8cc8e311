import { describe, expect, test } from "bun:test";
import {
  type Attached,
  garbage,
  type NetnsState,
  type Observation,
  type SandboxLook,
  settledMs,
} from "../../../src/lib/plan/garbage.ts";

const t0 = 1_000_000;
const pod: Attached<string> = {
  key: "lost",
  containerID: "c1",
  podUid: "u1",
  bootId: "b1",
  attachedAt: t0,
};
const neighbour: Attached<string> = { ...pod, key: "live", containerID: "c2", podUid: "u2" };

function look(after: number, ...ids: string[]): SandboxLook {
  return { at: t0 + after, ids: new Set(ids) };
}

function freed(more: Partial<Observation<string>>, netns: NetnsState = "unknown"): string[] {
  return garbage([pod, neighbour], {
    bootId: "b1",
    sandboxes: undefined,
    netns: ({ key }) => (key === "lost" ? netns : "present"),
    podUids: undefined,
    ...more,
  }).map((proof) => proof.key);
}

const late = settledMs;

describe("garbage", () => {
  test("frees everything of another boot, and says which", () => {
    const proofs = garbage([pod], {
      bootId: "b2",
      sandboxes: undefined,
      netns: () => "present",
      podUids: new Set(["u1"]),
    });
    expect(proofs).toEqual([{ key: "lost", proof: "attached in boot b1, this is boot b2" }]);
  });

  test("frees nothing when the boot id could not be read", () => {
    expect(freed({ bootId: "" })).toEqual([]);
  });

  test.each<[string, SandboxLook[], NetnsState, string[]]>([
    ["missing in two looks 30 s apart", [look(1, "c2"), look(30_001, "c2")], "gone", ["lost"]],
    ["missing, namespace unknown", [look(1, "c2"), look(30_001, "c2")], "unknown", ["lost"]],
    ["missing in one look", [look(30_001, "c2")], "gone", []],
    ["missing in two looks 29.999 s apart", [look(1, "c2"), look(30_000, "c2")], "gone", []],
    [
      "missing, seen, missing",
      [look(1, "c2"), look(20_000, "c1", "c2"), look(40_000, "c2")],
      "gone",
      [],
    ],
    ["missing, then seen", [look(1, "c2"), look(31_000, "c1", "c2")], "gone", []],
    [
      "seen, then missing for 30 s",
      [look(1, "c1", "c2"), look(2, "c2"), look(30_002, "c2")],
      "gone",
      ["lost"],
    ],
    ["a look before the attach", [look(-1, "c2"), look(29_999, "c2")], "gone", []],
    ["no look", [], "gone", []],
    [
      "missing while its namespace is there and the sandbox may still be starting",
      [look(1, "c2"), look(late, "c2")],
      "present",
      [],
    ],
    [
      "missing while its namespace is there, long after",
      [look(late + 1, "c2"), look(late + 30_001, "c2")],
      "present",
      ["lost"],
    ],
    ["a CRI that lists none of ours, namespace unknown", [look(1), look(30_001)], "unknown", []],
    [
      "a CRI that lists none of ours, namespace there",
      [look(late + 1), look(late + 90_000)],
      "present",
      [],
    ],
    ["a CRI that lists none of ours, namespace gone", [look(1), look(30_001)], "gone", ["lost"]],
  ])("with a CRI: %s", (_, sandboxes, netns, keys) => {
    expect(freed({ sandboxes }, netns)).toEqual(keys);
  });

  test("with a CRI, a pod list alone proves nothing", () => {
    expect(freed({ sandboxes: [], podUids: new Set() }, "gone")).toEqual([]);
  });

  test.each<[string, NetnsState, string[] | undefined, string[]]>([
    ["namespace gone, pod gone", "gone", ["u2"], ["lost"]],
    ["namespace gone, pod there", "gone", ["u1", "u2"], []],
    ["namespace gone, list not synced", "gone", undefined, []],
    ["namespace unknown, pod gone", "unknown", ["u2"], []],
    ["namespace there, pod gone", "present", ["u2"], []],
  ])("without a CRI: %s", (_, netns, uids, keys) => {
    expect(freed({ podUids: uids && new Set(uids) }, netns)).toEqual(keys);
  });

  test("without a CRI, an attachment of no known pod stays", () => {
    const nameless = { ...pod, podUid: "" };
    const seen = { bootId: "b1", sandboxes: undefined, podUids: new Set<string>() };
    expect(garbage([nameless], { ...seen, netns: () => "gone" })).toEqual([]);
  });
});
