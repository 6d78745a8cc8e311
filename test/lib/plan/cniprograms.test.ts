import { describe, expect, test } from "bun:test";
import {
  type FolderEntry,
  type ProgramStep,
  planPrograms,
  planRemoval,
  programNames,
  versionName,
} from "../../../src/lib/plan/cniprograms.ts";

const now = 1_700_000_000_000;
const minute = 60_000;
const mine = versionName("a".repeat(64));
const old = versionName("b".repeat(64));
const wanted = { version: mine, intact: true, now };
const file = (name: string, changedMs = now): FolderEntry => ({ name, kind: "file", changedMs });
const link = (name: string, target: string): FolderEntry => ({
  name,
  kind: "link",
  target,
  changedMs: now,
});
const links = (version: string) => [
  link("multinic", version),
  ...programNames.map((name) => link(name, "multinic")),
];
const said = (steps: readonly ProgramStep[]) =>
  steps.map((s) => `${s.do} ${s.name}${s.do === "link" ? ` -> ${s.target}` : ""}`);

describe("planPrograms", () => {
  test("copies the file before it makes any link", () => {
    expect(said(planPrograms([], { ...wanted, intact: false }))).toEqual([
      `copy ${mine}`,
      `link multinic -> ${mine}`,
      "link multi-nic -> multinic",
      "link multi-nic-ipam -> multinic",
      "link aws-ipvlan -> multinic",
    ]);
  });

  test("does nothing when everything is in place", () => {
    expect(planPrograms([file(mine), ...links(mine), file("bridge")], wanted)).toEqual([]);
  });

  test("replaces what v1.3 left: plain files of our programs' names", () => {
    const seen = [file("multi-nic"), file("multi-nic-ipam"), file("aws-ipvlan"), file("ipvlan")];
    expect(said(planPrograms([...seen, file(mine), link("multinic", mine)], wanted))).toEqual([
      "link multi-nic -> multinic",
      "link multi-nic-ipam -> multinic",
      "link aws-ipvlan -> multinic",
    ]);
  });

  test("keeps the version it replaces, stamped with the time, and changes all names by one link", () => {
    expect(said(planPrograms([file(old, 0), file(mine), ...links(old)], wanted))).toEqual([
      `retire ${old}`,
      `link multinic -> ${mine}`,
    ]);
  });

  test("removes a retired version after ten minutes, unless it runs", () => {
    const seen = (at: number) => [file(mine, 0), ...links(mine), file(old, at)];
    expect(planPrograms(seen(now - 9 * minute), wanted)).toEqual([]);
    expect(planPrograms(seen(now - 10 * minute), wanted)).toEqual([
      { do: "remove", name: old, unlessRunning: true },
    ]);
  });

  test("clears half-written files first, and nothing that others wrote", () => {
    const seen = [file(".multinic-1.tmp"), link(".multinic-2.tmp", "/etc/passwd"), file(".x.tmp")];
    const more = [file("multinic-mine"), file("multinic.bak"), file(mine), ...links(mine)];
    expect(said(planPrograms([...seen, ...more], wanted))).toEqual([
      "remove .multinic-1.tmp",
      "remove .multinic-2.tmp",
    ]);
  });

  test.each(["/usr/bin/true", "../multinic", `./${mine}`])(
    "puts our own link in the place of one to %s",
    (target) => {
      const seen = [file(mine), ...links(mine).slice(2), link("multi-nic", target)];
      expect(said(planPrograms([link("multinic", target), ...seen], wanted))).toEqual([
        `link multinic -> ${mine}`,
        "link multi-nic -> multinic",
      ]);
    },
  );
});

describe("planRemoval", () => {
  test("takes links before files, every version, and leaves what is not ours", () => {
    const others = [file("bridge"), file("multinic.bak"), link("multi-tool", "multinic")];
    const seen = [file(old), file(mine), ...links(mine), ...others, file(".multinic-1.tmp")];
    expect(said(planRemoval(seen))).toEqual([
      "remove multinic",
      "remove multi-nic",
      "remove multi-nic-ipam",
      "remove aws-ipvlan",
      `remove ${old}`,
      `remove ${mine}`,
      "remove .multinic-1.tmp",
    ]);
  });

  test("leaves a program of our name that another installer put there", () => {
    expect(planRemoval([file("multi-nic"), link("aws-ipvlan", "/opt/other/aws-ipvlan")])).toEqual(
      [],
    );
  });
});
