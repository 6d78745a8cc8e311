import { expect, test } from "bun:test";
import { join } from "node:path";
import { allKinds } from "../../../src/lib/api/allkinds.ts";
import { faultsOf } from "../../../src/lib/api/check.ts";
import { crd, objectSchema, type SchemaNode } from "../../../src/lib/api/crd.ts";
import { multiNicNetwork } from "../../../src/lib/api/multinicnetwork.ts";
import { crdCases } from "../../support/crdcases.ts";
import { generatedManifests } from "../../support/manifests.ts";
import { network } from "../../support/objects.ts";

/** Calls back with every node of a schema and its path. */
function walk(node: SchemaNode, path: string, visit: (node: SchemaNode, path: string) => void) {
  visit(node, path);
  const inner: [string, unknown][] = [
    ["[]", node["items"]],
    ["{}", node["additionalProperties"]],
    ...Object.entries(node["properties"] ?? {}),
  ];
  for (const [key, value] of inner) {
    if (typeof value === "object" && value !== null) walk({ ...value }, `${path}.${key}`, visit);
  }
}

test.each(allKinds.map((kind) => [kind.kind, kind] as const))(
  "crd of %s is structural: a type everywhere, nothing beside properties, every field described",
  (_, kind) => {
    const faults: string[] = [];
    walk(objectSchema(kind), kind.kind, (node, path) => {
      const bare = ["anyOf", "oneOf", "allOf", "not", "$ref", "$schema", "const", "id"];
      for (const key of bare) if (key in node) faults.push(`${path} has ${key}`);
      if (typeof node["type"] !== "string") faults.push(`${path} has no type`);
      if ("properties" in node && "additionalProperties" in node) faults.push(`${path} has both`);
      const described = "description" in node || /\[\]|\{\}|\.dns\.|\.metadata$/.test(path);
      if (!described) faults.push(`${path} has no description`);
    });
    expect(faults).toEqual([]);
  },
);

test("crd lists the columns that kubectl get shows", () => {
  const columns = allKinds.map(({ kind, columns }) => [
    kind,
    columns.filter((column) => column.priority === undefined).map((column) => column.name),
  ]);
  expect(Object.fromEntries(columns)).toEqual({
    MultiNicNetwork: ["Strategy", "Config", "Routes", "Hosts", "Age"],
    HostInterface: ["NICs", "Routes", "Age"],
    CIDR: ["Subnet", "Mode", "Age"],
    IPPool: ["Network", "Host", "NIC", "Used", "Age"],
    DeviceClass: ["Vendors", "Age"],
    Config: ["Image", "Log", "Age"],
  });
});

test.each(allKinds.map((kind) => [kind.kind, kind] as const))(
  "crd of %s has the names and the version that upstream's has",
  (_, kind) => {
    const { metadata, spec } = crd(kind);
    expect(metadata.name).toBe(`${kind.plural}.multinic.fms.io`);
    expect(spec).toMatchObject({
      group: "multinic.fms.io",
      scope: "Cluster",
      names: { singular: kind.kind.toLowerCase(), listKind: `${kind.kind}List` },
      versions: [{ name: "v1", served: true, storage: true, subresources: { status: {} } }],
    });
  },
);

test.each([...generatedManifests().keys()])(
  "manifests/%s is what the schema gives",
  async (path) => {
    const file = Bun.file(join(import.meta.dir, "../../../manifests", path));
    expect(await file.text()).toBe(generatedManifests().get(path) ?? "");
  },
);

test.each(crdCases)("the parser judges like the CRD: $name", ({ spec, refused }) => {
  const faults = faultsOf(multiNicNetwork.schema, network(spec));
  expect(faults.length > 0).toBe(refused !== undefined);
});
