import { type Json, recordOf } from "./api-object.ts";
import { type ApiResource, type ApiResources, apiVersionOf } from "./api-resource.ts";
import { noSuchPath } from "./api-status.ts";

/** Answers /openapi/v3 and the documents below it; undefined = another path. */
export function serveOpenApi(resources: ApiResources, path: string): Json | undefined {
  const [, top, version, ...rest] = path.split("/");
  if (top !== "openapi" || version !== "v3") return undefined;
  const all = resources.list();
  if (rest.length === 0) {
    const paths = new Set(all.map(pathOf));
    const entry = (at: string): [string, Json] => [
      at,
      {
        serverRelativeURL: `/openapi/v3/${at}?hash=${hashOf(all.filter((r) => pathOf(r) === at))}`,
      },
    ];
    return { paths: Object.fromEntries([...paths].map(entry)) };
  }
  const here = all.filter((at) => pathOf(at) === rest.join("/"));
  if (here.length === 0) throw noSuchPath();
  return documentOf(here);
}

/** Names a group version's document: `api/v1`, `apis/apps/v1`. */
function pathOf(at: ApiResource): string {
  return at.group === "" ? `api/${at.version}` : `apis/${at.group}/${at.version}`;
}

function hashOf(resources: readonly ApiResource[]): string {
  return Bun.hash(JSON.stringify(resources.map((at) => at.custom && at.schema)))
    .toString(16)
    .toUpperCase();
}

/** Names a kind's schema as CRDs publish it: `io.fms.multinic.v1.IPPool`. */
function schemaName(at: ApiResource): string {
  const group = at.group === "" ? ["core", "api", "k8s", "io"] : at.group.split(".");
  return [...group.toReversed(), at.version, at.kind].join(".");
}

function documentOf(here: readonly ApiResource[]): Json {
  const [first] = here;
  return {
    openapi: "3.0.0",
    info: { title: "multinic lab", version: "v1.34.4" },
    paths: Object.fromEntries(here.flatMap((at) => pathsOf(at))),
    components: {
      schemas: {
        [metaName]: metaSchema,
        ...Object.fromEntries(here.map((at) => [schemaName(at), kindSchema(at)])),
      },
    },
    "x-kubernetes-group-version": first ? apiVersionOf(first) : "",
  };
}

const metaName = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

const strings: Json = { type: "object", additionalProperties: { type: "string", default: "" } };
const metaSchema: Json = {
  type: "object",
  description: "Metadata that every object carries.",
  properties: {
    name: { type: "string", description: "Unique among the objects of its kind and namespace." },
    namespace: { type: "string", description: "The namespace; cluster-scoped kinds have none." },
    labels: { ...strings, description: "Keys and values to select by." },
    annotations: { ...strings, description: "Keys and values for programs and people." },
    uid: { type: "string", description: "Given by the server, never used twice." },
    resourceVersion: { type: "string", description: "Changes with every write." },
    generation: { type: "integer", format: "int64", description: "Counts changes of the spec." },
    creationTimestamp: { type: "string", format: "date-time", description: "Set by the server." },
    deletionTimestamp: {
      type: "string",
      format: "date-time",
      description: "Set once the object is to be deleted; finalizers keep it until then.",
    },
    finalizers: {
      type: "array",
      items: { type: "string", default: "" },
      description: "What has to be cleaned up before the object goes.",
    },
    ownerReferences: {
      type: "array",
      items: { type: "object" },
      description: "The object goes when none of these is left.",
    },
  },
};

function kindSchema(at: ApiResource): Json {
  const schema = at.custom ? at.schema : {};
  const described = (text: string): Json => ({ type: "string", description: text });
  return {
    ...schema,
    type: "object",
    properties: {
      ...recordOf(schema["properties"]),
      apiVersion: described("The group and version of this representation."),
      kind: described("The kind of this object."),
      metadata: {
        description: "Standard metadata.",
        allOf: [{ $ref: `#/components/schemas/${metaName}` }],
      },
    },
    "x-kubernetes-group-version-kind": [gvk(at)],
  };
}

function gvk(at: ApiResource): Json {
  return { group: at.group, version: at.version, kind: at.kind };
}

/** The operations that kubectl looks for: whether a kind takes dryRun and fieldValidation. */
function pathsOf(at: ApiResource): [string, Json][] {
  const parameters = ["dryRun", "fieldManager", "fieldValidation"].map((name) => ({
    name,
    in: "query",
    schema: { type: "string", uniqueItems: true },
  }));
  const base = `/${pathOf(at)}${at.namespaced ? "/namespaces/{namespace}" : ""}/${at.plural}`;
  const operation = (action: string): Json => ({
    parameters,
    responses: { "200": { description: "OK" } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": gvk(at),
  });
  return [
    [base, { get: operation("list"), post: operation("post") }],
    [
      `${base}/{name}`,
      {
        get: operation("get"),
        put: operation("put"),
        patch: operation("patch"),
        delete: operation("delete"),
      },
    ],
  ];
}
