import { expect, test } from "bun:test";
import { createAudit } from "../../../src/lib/kube/audit.ts";
import { pool } from "../../support/scripted-api.ts";

const at = (name: string, resourceVersion: string, uid = `uid-${name}`) => ({
  name,
  namespace: undefined,
  uid,
  resourceVersion,
});
const list = (resourceVersion: string, ...items: ReturnType<typeof at>[]) => ({
  resourceVersion,
  items,
});

test("createAudit finds nothing where the server only knows what the watch will tell", () => {
  const audit = createAudit();
  const copy = [pool("a", "5"), pool("b", "7")];
  // At 12: a is the same, b was changed at 11, c was made at 12.
  const present = list("12", at("a", "5"), at("b", "11"), at("c", "12"));
  expect(audit.compare(copy, "10", present)).toEqual([]);
  expect(audit.pending).toBe(false);
});

test("createAudit finds a change, an addition and a new object of the same name that were never told", () => {
  const copy = [pool("a", "5"), pool("b", "7"), pool("c", "8")];
  const present = list("10", at("a", "6"), at("b", "7"), at("c", "9", "other"), at("d", "3"));
  expect(createAudit().compare(copy, "10", present)).toEqual(["a", "c", "d", "c"]);
});

test("createAudit finds a lost deletion when the watch has passed it, and not before", () => {
  const audit = createAudit();
  const copy = [pool("a", "5"), pool("b", "7")];
  expect(audit.compare(copy, "10", list("12", at("a", "5")))).toEqual([]);
  expect(audit.pending).toBe(true);
  expect(audit.compare(copy, "11", list("13", at("a", "5")))).toEqual([]);
  expect(audit.compare(copy, "12", list("14", at("a", "5")))).toEqual(["b"]);
  const told = createAudit();
  told.compare(copy, "10", list("12", at("a", "5")));
  expect(told.compare([pool("a", "5")], "12", list("14", at("a", "5")))).toEqual([]);
  expect(told.pending).toBe(false);
});
