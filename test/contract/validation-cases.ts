import { expect } from "bun:test";
import { type Case, makeWidget, mergePatch, widget } from "./contract-case.ts";

/** Specs that the schema refuses: the field, the reason and the message of each cause. */
const refused: readonly (readonly [Record<string, unknown>, string, string, string])[] = [
  [{}, "spec.size", "FieldValueRequired", "Required value"],
  [
    { size: "x" },
    "spec.size",
    "FieldValueTypeInvalid",
    'Invalid value: "string": spec.size in body must be of type integer: "string"',
  ],
  [
    { size: 0 },
    "spec.size",
    "FieldValueInvalid",
    "Invalid value: 0: spec.size in body should be greater than or equal to 1",
  ],
  [
    { size: 11 },
    "spec.size",
    "FieldValueInvalid",
    "Invalid value: 11: spec.size in body should be less than or equal to 10",
  ],
  [
    { size: 1, color: "green" },
    "spec.color",
    "FieldValueNotSupported",
    'Unsupported value: "green": supported values: "red", "blue"',
  ],
  [
    { size: 1, code: "ABC" },
    "spec.code",
    "FieldValueInvalid",
    "Invalid value: \"ABC\": spec.code in body should match '^[a-z]+$'",
  ],
  [
    { size: 1, code: "toolong" },
    "spec.code",
    "FieldValueTooLong",
    "Too long: may not be more than 5 bytes",
  ],
  [
    { size: 1, code: "a" },
    "spec.code",
    "FieldValueInvalid",
    'Invalid value: "a": spec.code in body should be at least 2 chars long',
  ],
  [
    { size: 1, tags: ["a", "b", "c", "d"] },
    "spec.tags",
    "FieldValueTooMany",
    "Too many: 4: must have at most 3 items",
  ],
  [
    { size: 1, tags: ["a", ""] },
    "spec.tags[1]",
    "FieldValueInvalid",
    'Invalid value: "": spec.tags[1] in body should be at least 1 chars long',
  ],
  [
    { size: 1, opts: { k: 1 } },
    "spec.opts.k",
    "FieldValueTypeInvalid",
    'Invalid value: "integer": spec.opts.k in body must be of type string: "integer"',
  ],
  [
    { size: 1, flag: "yes" },
    "spec.flag",
    "FieldValueTypeInvalid",
    'Invalid value: "string": spec.flag in body must be of type boolean: "string"',
  ],
  [
    { size: 1, parts: [{ name: "a" }, { name: "a" }] },
    "spec.parts[1]",
    "FieldValueDuplicate",
    'Duplicate value: {"name":"a"}',
  ],
  [{ size: 1, uniq: ["a", "a"] }, "spec.uniq[1]", "FieldValueDuplicate", 'Duplicate value: "a"'],
  [{ size: 1, parts: [{ n: 1 }] }, "spec.parts[0].name", "FieldValueRequired", "Required value"],
];

export const validationCases: readonly Case[] = [
  ...refused.map(
    ([spec, field, reason, message]): Case => ({
      name: `a widget with spec ${JSON.stringify(spec)} is refused at ${field}: ${reason}`,
      async run(c) {
        const { status, body } = await c.api.call("POST", c.widgets, {
          body: widget(c, "a", spec),
        });
        expect(status).toBe(422);
        expect(body.reason).toBe("Invalid");
        expect(body.details).toMatchObject({ name: "a", group: c.group, kind: "Widget" });
        expect(body.details.causes).toContainEqual({ reason, message, field });
        expect(body.message).toContain(`Widget.${c.group} "a" is invalid: `);
        expect(body.message).toContain(`${field}: ${message}`);
      },
    }),
  ),
  {
    name: "several faults are all reported at once",
    async run(c) {
      const { body } = await c.api.call("POST", c.widgets, {
        body: widget(c, "a", { size: 0, color: "green", flag: 1 }),
      });
      const fields = body.details.causes.map((cause: { field: string }) => cause.field);
      expect(fields.toSorted()).toEqual(["spec.color", "spec.flag", "spec.size"]);
    },
  },
  {
    name: "unknown fields are dropped with a warning; fieldValidation=Strict refuses them",
    async run(c) {
      const body = widget(c, "a", { size: 1, zork: 1, parts: [{ name: "p", zork: 2 }] });
      const made = await c.api.call("POST", c.widgets, { body });
      expect(made.status).toBe(201);
      expect(made.body.spec).toEqual({ size: 1, color: "red", parts: [{ name: "p", n: 3 }] });
      expect(made.headers.get("warning")).toContain('299 - "unknown field \\"spec.zork\\""');
      const strict = await c.api.call("POST", `${c.widgets}?fieldValidation=Strict`, {
        body: widget(c, "b", { size: 1, zork: 1 }),
      });
      expect(strict.status).toBe(400);
      expect(strict.body.message).toEndWith('strict decoding error: unknown field "spec.zork"');
      const quiet = await c.api.call("POST", `${c.widgets}?fieldValidation=Ignore`, {
        body: widget(c, "b", { size: 1, zork: 1 }),
      });
      expect(quiet.status).toBe(201);
      expect(quiet.headers.get("warning")).toBeNull();
    },
  },
  {
    name: "open objects, int-or-string, nullable and dropped nulls are kept as the schema says",
    async run(c) {
      const made = await makeWidget(c, "a", {
        size: 1,
        any: { deep: { x: [1, { y: null }] } },
        port: "http",
        maybe: null,
        tags: null,
        color: null,
      });
      expect(made.spec).toEqual({
        size: 1,
        color: "red",
        any: { deep: { x: [1, { y: null }] } },
        port: "http",
        maybe: null,
      });
    },
  },
  {
    name: "an update and a status write are validated like a create",
    async run(c) {
      await makeWidget(c, "a");
      const patch = async (path: string, body: object) =>
        (await c.api.call("PATCH", path, { type: mergePatch, body })).status;
      expect(await patch(`${c.widgets}/a`, { spec: { size: 99 } })).toBe(422);
      expect(await patch(`${c.widgets}/a/status`, { status: { phase: 1 } })).toBe(422);
    },
  },
  {
    name: "names, labels and a missing name are checked",
    async run(c) {
      const bad = async (name: string, metadata: object = {}) =>
        c.api.call("POST", c.widgets, { body: widget(c, name, undefined, { ...metadata }) });
      const upper = await bad("Upper_Case");
      expect(upper.status).toBe(422);
      expect(upper.body.details.causes[0].field).toBe("metadata.name");
      const none = await bad("");
      expect(none.body.details.causes).toEqual([
        {
          reason: "FieldValueRequired",
          message: "Required value: name or generateName is required",
          field: "metadata.name",
        },
      ]);
      const label = await bad("a", { labels: { "k e y": "v" } });
      expect(label.body.details.causes[0].field).toBe("metadata.labels");
      expect((await bad("a", { labels: { k: "-v-" } })).status).toBe(422);
    },
  },
];
