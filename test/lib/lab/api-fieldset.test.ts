import { expect, test } from "bun:test";
import {
  changesBetween,
  fieldsFromJson,
  fieldsOf,
  fieldsToJson,
} from "../../../src/lib/lab/api-fieldset.ts";

const schema = {
  properties: {
    spec: {
      properties: {
        size: { type: "integer" },
        tags: { type: "array", items: {} },
        uniq: { type: "array", "x-kubernetes-list-type": "set", items: {} },
        parts: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name", "port"],
          items: { properties: { name: {}, port: { default: 80 }, note: {} } },
        },
        whole: { type: "object", "x-kubernetes-map-type": "atomic" },
        opts: { additionalProperties: {} },
      },
    },
  },
};

test("fieldsOf names leaves, items by key with defaults, members of sets, and atomic values as one", () => {
  const value = {
    spec: {
      size: 1,
      tags: ["a"],
      uniq: ["x"],
      parts: [{ name: "p", note: "n" }],
      whole: { a: 1 },
      opts: { k: { deep: 1 }, empty: {} },
    },
  };
  expect(fieldsToJson(fieldsOf(schema, value))).toEqual({
    "f:spec": {
      "f:size": {},
      "f:tags": {},
      "f:uniq": { 'v:"x"': {} },
      "f:parts": { 'k:{"name":"p","port":80}': { ".": {}, "f:name": {}, "f:note": {} } },
      "f:whole": {},
      "f:opts": { "f:k": { ".": {}, "f:deep": {} }, "f:empty": {} },
    },
  });
});

test("fieldsFromJson reads what fieldsToJson wrote", () => {
  const json = { "f:a": { ".": {}, "f:b": {} }, "f:c": { 'k:{"n":"x"}': { "f:d": {} } } };
  expect(fieldsToJson(fieldsFromJson(json))).toEqual(json);
});

test("changesBetween tells added, modified and removed fields apart, with the objects that came or went", () => {
  const { added, modified, removed } = changesBetween(
    schema,
    { spec: { size: 1, uniq: ["x"], opts: { gone: "1" } } },
    { spec: { size: 2, uniq: ["x", "y"], tags: ["t"] } },
  );
  expect(fieldsToJson(modified)).toEqual({ "f:spec": { "f:size": {} } });
  expect(fieldsToJson(added)).toEqual({ "f:spec": { "f:uniq": { 'v:"y"': {} }, "f:tags": {} } });
  expect(fieldsToJson(removed)).toEqual({ "f:spec": { "f:opts": { ".": {}, "f:gone": {} } } });
});
