import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { causes, finding, persisting, sorted } from "../../../src/lib/plan/doctor-finding.ts";
import { doctorReport } from "../../../src/lib/plan/doctor-report.ts";

const one = finding("RouteMissing", "a", { what: "route a is not there", mend: "multinic gc" });
const other = finding("LinkDown", "b", { what: "b is down", mend: "up", cause: "a test" });
const look = (...findings: (typeof one)[]) => ({ findings, unchecked: [] });

test("causes are in docs/doctor.md, each under its name, and nothing else is", async () => {
  const text = await Bun.file(join(import.meta.dir, "../../../docs/doctor.md")).text();
  const rows = [...text.matchAll(/^\| ([A-Z]\w+) \| [^|]+ \| ([^|]+) \| [^|]+ \|$/gm)];
  expect(rows.map(([, name, cause]) => [name, cause])).toEqual(Object.entries(causes).sort());
});

describe("persisting", () => {
  test("keeps what both looks saw, as the second says it", () => {
    const later = { ...one, what: "still not there" };
    expect(persisting(look(one, other), { findings: [later], unchecked: ["x"] })).toEqual({
      findings: [later],
      unchecked: ["x"],
    });
  });
  test("drops what only one of them saw: it was a change under way", () => {
    expect(persisting(look(one), look(other)).findings).toEqual([]);
    expect(persisting(look(one), look({ ...one, subject: "c" })).findings).toEqual([]);
  });
});

test("sorted lists by name and subject, each once", () => {
  expect(sorted([one, other, one])).toEqual([other, one]);
});

test("doctorReport writes cause and mend under each finding, and nothing for none", () => {
  expect(doctorReport(look())).toBe("");
  expect(doctorReport(look(one, other))).toBe(
    [
      "RouteMissing  route a is not there",
      `              cause: ${causes.RouteMissing}`,
      "              mend:  multinic gc",
      "LinkDown      b is down",
      "              cause: a test",
      "              mend:  up",
    ].join("\n"),
  );
});

test("doctorReport shows no character that a terminal would obey", () => {
  const nasty = { ...one, what: "link \u001b]0;x\u0007 is there\n" };
  expect(doctorReport(look(nasty)).split("\n")[0]).toBe("RouteMissing  link ?]0;x? is there?");
});
