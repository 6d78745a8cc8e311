import { expect, test } from "bun:test";
import { strategicMerge } from "../../../src/lib/lab/api-strategic.ts";

const schema = {
  properties: {
    items: {
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      items: {},
    },
    set: { "x-kubernetes-list-type": "set", items: {} },
  },
};
const target = {
  items: [
    { name: "a", v: 1 },
    { name: "b", v: 2 },
  ],
  set: ["x", "y"],
  plain: ["p"],
  map: { a: 1, b: 2 },
};

const table: readonly (readonly [string, object, object])[] = [
  [
    "merges an item by its key and appends a new one",
    { items: [{ name: "b", w: 3 }, { name: "c" }] },
    { items: [{ name: "a", v: 1 }, { name: "b", v: 2, w: 3 }, { name: "c" }] },
  ],
  [
    "deletes an item",
    { items: [{ name: "a", $patch: "delete" }] },
    { items: [{ name: "b", v: 2 }] },
  ],
  [
    "replaces a list",
    { items: [{ $patch: "replace" }, { name: "z" }] },
    { items: [{ name: "z" }] },
  ],
  [
    "orders a list",
    { "$setElementOrder/items": [{ name: "b" }, { name: "a" }] },
    {
      items: [
        { name: "b", v: 2 },
        { name: "a", v: 1 },
      ],
    },
  ],
  ["joins a set", { set: ["y", "z"] }, { set: ["x", "y", "z"] }],
  ["takes from a list of scalars", { "$deleteFromPrimitiveList/set": ["x"] }, { set: ["y"] }],
  ["replaces an atomic list", { plain: ["q"] }, { plain: ["q"] }],
  ["removes what is null", { map: { a: null } }, { map: { b: 2 } }],
  ["replaces an object", { map: { $patch: "replace", c: 3 } }, { map: { c: 3 } }],
  ["retains only named keys", { map: { $retainKeys: ["b"], b: 4 } }, { map: { b: 4 } }],
];

for (const [name, patch, changed] of table)
  test(`strategicMerge ${name}`, () => {
    expect(strategicMerge(schema, target, patch)).toEqual({ ...target, ...changed });
  });
