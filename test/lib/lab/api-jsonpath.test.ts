import { expect, test } from "bun:test";
import { jsonPath } from "../../../src/lib/lab/api-jsonpath.ts";

const value = {
  metadata: { annotations: { "a.b/c": "dotted" } },
  spec: { list: [{ n: 1 }, { n: 2 }], name: "x", none: null },
  status: {
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Other", status: "False" },
    ],
  },
};

const table: readonly (readonly [string, readonly unknown[]])[] = [
  [".spec.name", ["x"]],
  [".spec.list[0].n", [1]],
  [".spec.list[-1].n", [2]],
  [".spec.list[*].n", [1, 2]],
  ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
  [".status.conditions[?(@.type=='Other')].status", ["False"]],
  [".spec.list[?(@.n==2)].n", [2]],
  [".metadata.annotations['a.b/c']", ["dotted"]],
  [".metadata.annotations.a\\.b/c", ["dotted"]],
  [".spec.absent.deeper", []],
  [".spec.none", []],
];

for (const [path, found] of table)
  test(`jsonPath ${path} finds ${JSON.stringify(found)}`, () => {
    expect(jsonPath(path, value)).toEqual([...found]);
  });
