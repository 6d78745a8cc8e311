import * as z from "zod";
import { type AnyKind, objectRules } from "./kind.ts";
import { group } from "./meta.ts";

/** One node of a structural schema (apiextensions/v1 JSONSchemaProps), as far as we write it. */
export interface SchemaNode {
  [key: string]: unknown;
}

/** Makes the CustomResourceDefinition (apiextensions.k8s.io/v1) of a kind: cluster-scoped, one version, status subresource. */
export function crd(kind: AnyKind) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.plural}.${group}` },
    spec: {
      group,
      scope: "Cluster",
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        ...(kind.shortNames.length > 0 && { shortNames: [...kind.shortNames] }),
      },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns.map((column) => ({ ...column })),
          schema: { openAPIV3Schema: objectSchema(kind) },
        },
      ],
    },
  };
}

/** Makes the structural schema of a kind's whole object. */
export function objectSchema(kind: AnyKind): SchemaNode {
  return {
    description: kind.description,
    type: "object",
    required: ["spec"],
    properties: {
      apiVersion: { description: "Group and version.", type: "string" },
      kind: { description: "Kind of the object.", type: "string" },
      metadata: { type: "object" },
      spec: structural(kind.spec),
      status: partial(structural(kind.status)),
    },
    ...objectRules(kind),
  };
}

/** Requires nothing at the top of status: a merge patch of null removes a field, and old objects lack newer ones. */
function partial(node: SchemaNode): SchemaNode {
  const { required: _, ...rest } = node;
  return rest;
}

/** Makes the structural schema of a zod schema: no `additionalProperties` beside `properties`, bounds only where meant. */
function structural(schema: z.ZodType): SchemaNode {
  const node: SchemaNode = z.toJSONSchema(schema, { io: "input", target: "openapi-3.0" });
  return clean(node);
}

function clean(node: SchemaNode): SchemaNode {
  const out: SchemaNode = {};
  for (const key of keyOrder) if (key in node) out[key] = node[key];
  for (const key of Object.keys(node).sort()) if (!keyOrder.includes(key)) out[key] = node[key];
  delete out["$schema"];
  delete out["~standard"];
  if (isNode(out["properties"])) {
    out["properties"] = Object.fromEntries(
      Object.entries(out["properties"]).map(([name, value]) => [
        name,
        isNode(value) ? clean(value) : value,
      ]),
    );
    delete out["additionalProperties"];
  } else if (isNode(out["additionalProperties"])) {
    const values = clean(out["additionalProperties"]);
    if (Object.keys(values).length === 0) delete out["additionalProperties"];
    else out["additionalProperties"] = values;
  } else {
    delete out["additionalProperties"];
  }
  if (isNode(out["items"])) out["items"] = clean(out["items"]);
  if (out["maximum"] === Number.MAX_SAFE_INTEGER) delete out["maximum"];
  if (out["minimum"] === Number.MIN_SAFE_INTEGER) delete out["minimum"];
  if (out["type"] === "integer") out["format"] = "int64";
  if (isNode(out["properties"]) && Object.keys(out["properties"]).length === 0)
    delete out["properties"];
  return out;
}

/** Order of keys in the generated YAML. */
const keyOrder = ["description", "type", "required", "properties", "items"];

function isNode(value: unknown): value is SchemaNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
