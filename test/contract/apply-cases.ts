import { expect } from "bun:test";
import { applyPatch, type Case, type Contract, mergePatch, widget } from "./contract-case.ts";

/** Applies a widget's spec as a manager. */
function apply(
  c: Contract,
  manager: string,
  spec: Record<string, unknown>,
  options: { force?: boolean; metadata?: Record<string, unknown> } = {},
) {
  const force = options.force ? "&force=true" : "";
  return c.api.call("PATCH", `${c.widgets}/a?fieldManager=${manager}${force}`, {
    type: applyPatch,
    body: widget(c, "a", spec, options.metadata),
  });
}

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly fieldsV1: Record<string, unknown>;
}

function fieldsOf(body: { metadata: { managedFields: Entry[] } }, manager: string) {
  return body.metadata.managedFields.find((m) => m.manager === manager)?.fieldsV1;
}

export const applyCases: readonly Case[] = [
  {
    name: "apply makes the object with 201, then changes it with 200, and owns what it set",
    async run(c) {
      const made = await apply(c, "m1", { size: 1, parts: [{ name: "p", n: 1 }], uniq: ["x"] });
      expect(made.status).toBe(201);
      expect(made.body.spec.color).toBe("red");
      expect(made.body.metadata.managedFields).toHaveLength(1);
      expect(made.body.metadata.managedFields[0].operation).toBe("Apply");
      expect(fieldsOf(made.body, "m1")).toEqual({
        "f:spec": {
          "f:size": {},
          "f:parts": { 'k:{"name":"p"}': { ".": {}, "f:n": {}, "f:name": {} } },
          "f:uniq": { 'v:"x"': {} },
        },
      });
      expect((await apply(c, "m1", { size: 2 })).status).toBe(200);
    },
  },
  {
    name: "apply removes what its manager no longer sets and nobody else owns",
    async run(c) {
      await apply(c, "m1", { size: 1, tags: ["t"], opts: { a: "1", b: "2" } });
      await apply(c, "m2", { size: 1, opts: { b: "2", c: "3" } });
      const { body } = await apply(c, "m1", { size: 1 });
      expect(body.spec).toEqual({ size: 1, color: "red", opts: { b: "2", c: "3" } });
    },
  },
  {
    name: "apply of another manager's field with another value is a conflict that names both",
    async run(c) {
      await apply(c, "m1", { size: 1, tags: ["t"] });
      const { status, body } = await apply(c, "m2", { size: 2, tags: ["u"] });
      expect(status).toBe(409);
      expect(body.reason).toBe("Conflict");
      expect(body.message).toStartWith(
        'Apply failed with 2 conflicts: conflicts with "m1":\n- .spec.',
      );
      expect(sorted(body.details.causes)).toEqual([
        { reason: "FieldManagerConflict", message: 'conflict with "m1"', field: ".spec.size" },
        { reason: "FieldManagerConflict", message: 'conflict with "m1"', field: ".spec.tags" },
      ]);
      const one = await apply(c, "m2", { size: 2 });
      expect(one.body.message).toBe('Apply failed with 1 conflict: conflict with "m1": .spec.size');
    },
  },
  {
    name: "apply with force takes the field over",
    async run(c) {
      await apply(c, "m1", { size: 1, tags: ["t"] });
      const { status, body } = await apply(c, "m2", { size: 2 }, { force: true });
      expect(status).toBe(200);
      expect(body.spec.size).toBe(2);
      expect(fieldsOf(body, "m1")).toEqual({ "f:spec": { "f:tags": {} } });
      expect(fieldsOf(body, "m2")).toEqual({ "f:spec": { "f:size": {} } });
    },
  },
  {
    name: "apply of the same value makes both managers own it",
    async run(c) {
      await apply(c, "m1", { size: 1 });
      const { status, body } = await apply(c, "m2", { size: 1 });
      expect(status).toBe(200);
      expect(fieldsOf(body, "m1")).toEqual(fieldsOf(body, "m2") ?? {});
      expect((await apply(c, "m1", { size: 3 })).status).toBe(409);
    },
  },
  {
    name: "apply merges a keyed list item by item and keeps a place in the order",
    async run(c) {
      await apply(c, "m1", { size: 1, parts: [{ name: "a", n: 1 }, { name: "b" }] });
      const { body } = await apply(c, "m2", {
        size: 1,
        parts: [
          { name: "c", n: 1 },
          { name: "b", note: "x" },
        ],
      });
      expect(body.spec.parts).toEqual([
        { name: "a", n: 1 },
        { name: "c", n: 1 },
        { name: "b", n: 3, note: "x" },
      ]);
      const less = await apply(c, "m1", { size: 1, parts: [{ name: "b" }] });
      expect(less.body.spec.parts.map((p: { name: string }) => p.name)).toEqual(["c", "b"]);
    },
  },
  {
    name: "apply replaces an atomic list as a whole and joins a set",
    async run(c) {
      await apply(c, "m1", { size: 1, tags: ["a", "b"], uniq: ["x"] });
      const joined = await apply(c, "m2", { size: 1, uniq: ["y"] });
      expect(joined.body.spec.uniq).toEqual(["x", "y"]);
      const { body } = await apply(c, "m1", { size: 1, tags: ["c"] });
      expect(body.spec.tags).toEqual(["c"]);
      expect(body.spec.uniq).toEqual(["y"]);
    },
  },
  {
    name: "apply conflicts with a plain write and names its apiVersion",
    async run(c) {
      await apply(c, "m1", { size: 1 });
      const patched = await c.api.call("PATCH", `${c.widgets}/a?fieldManager=hand`, {
        type: mergePatch,
        body: { spec: { size: 5 } },
      });
      expect(fieldsOf(patched.body, "m1")).toBeUndefined();
      expect(fieldsOf(patched.body, "hand")).toEqual({ "f:spec": { "f:size": {} } });
      const { status, body } = await apply(c, "m1", { size: 1 });
      expect(status).toBe(409);
      expect(body.details.causes[0].message).toBe(`conflict with "hand" using ${c.group}/v1`);
    },
  },
  {
    name: "apply that changes nothing keeps the resourceVersion",
    async run(c) {
      const first = await apply(c, "m1", { size: 1, parts: [{ name: "p" }] });
      const again = await apply(c, "m1", { size: 1, parts: [{ name: "p" }] });
      expect(again.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    },
  },
  {
    name: "apply of labels and annotations owns each key",
    async run(c) {
      await apply(c, "m1", { size: 1 }, { metadata: { labels: { a: "1", b: "2" } } });
      const { body } = await apply(c, "m1", { size: 1 }, { metadata: { labels: { b: "2" } } });
      expect(body.metadata.labels).toEqual({ b: "2" });
      expect(fieldsOf(body, "m1")).toEqual({
        "f:metadata": { "f:labels": { "f:b": {} } },
        "f:spec": { "f:size": {} },
      });
    },
  },
  {
    name: "apply to /status owns status alone; conditions merge by type",
    async run(c) {
      await apply(c, "m1", { size: 1 });
      const status = (manager: string, conditions: unknown[]) =>
        c.api.call("PATCH", `${c.widgets}/a/status?fieldManager=${manager}`, {
          type: applyPatch,
          body: { ...widget(c, "a", { size: 7 }), status: { conditions } },
        });
      await status("s1", [{ type: "Ready", status: "True" }]);
      const { body } = await status("s2", [{ type: "Other", status: "False" }]);
      expect(body.spec.size).toBe(1);
      expect(body.status.conditions).toHaveLength(2);
      const gone = await status("s1", []);
      expect(gone.body.status.conditions).toEqual([{ type: "Other", status: "False" }]);
    },
  },
  {
    name: "apply wants a manager, no managedFields, the right name and declared fields",
    async run(c) {
      const bad = async (query: string, body: unknown) =>
        (await c.api.call("PATCH", `${c.widgets}/a${query}`, { type: applyPatch, body })).status;
      expect(await bad("", widget(c, "a"))).toBe(422);
      expect(await bad("?fieldManager=m", widget(c, "a", undefined, { managedFields: [] }))).toBe(
        400,
      );
      expect(await bad("?fieldManager=m", widget(c, "b"))).toBe(400);
      expect(await bad("?fieldManager=m", widget(c, "a", { size: 1, zork: 1 }))).toBe(500);
    },
  },
  {
    name: "apply takes YAML",
    async run(c) {
      const { status, body } = await c.api.call("PATCH", `${c.widgets}/yml?fieldManager=m`, {
        type: applyPatch,
        body: `apiVersion: ${c.group}/v1\nkind: Widget\nmetadata:\n  name: yml\nspec:\n  size: 2\n`,
      });
      expect(status).toBe(201);
      expect(body.spec.size).toBe(2);
    },
  },
  {
    name: "apply of a built-in kind owns its fields one by one",
    async run(c) {
      const path = `/api/v1/namespaces/${c.namespace}/configmaps/m`;
      const map = (data: object) => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "m" },
        data,
      });
      const put = (manager: string, data: object) =>
        c.api.call("PATCH", `${path}?fieldManager=${manager}`, {
          type: applyPatch,
          body: map(data),
        });
      await put("m1", { a: "1", b: "2" });
      const { body } = await put("m2", { c: "3" });
      expect(body.data).toEqual({ a: "1", b: "2", c: "3" });
      expect(fieldsOf(body, "m1")).toEqual({ "f:data": { "f:a": {}, "f:b": {} } });
      expect((await put("m1", {})).body.data).toEqual({ c: "3" });
      expect((await put("m1", { c: "4" })).status).toBe(409);
    },
  },
];

interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

function sorted(causes: readonly Cause[]): Cause[] {
  return causes.toSorted((a, b) => (a.field < b.field ? -1 : 1));
}
