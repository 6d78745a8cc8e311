import {
  changesBetween,
  type FieldSet,
  fieldPath,
  fieldsFromJson,
  fieldsToJson,
} from "./api-fieldset.ts";
import type { ApiMeta, ApiObject, Json, ManagedFields } from "./api-object.ts";
import { isRecord, recordOf } from "./api-object.ts";
import { type ApiResource, apiVersionOf } from "./api-resource.ts";

/** One entry of metadata.managedFields with its fields as a set. */
export interface Manager {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** Fields that no manager can own (apimachinery managedfields stripSet). */
const unowned = new Set(
  [
    ["apiVersion"],
    ["kind"],
    ["metadata"],
    ...[
      "name",
      "namespace",
      "creationTimestamp",
      "selfLink",
      "uid",
      "clusterName",
      "generation",
      "managedFields",
      "resourceVersion",
    ].map((key) => ["metadata", key]),
  ].map((keys) => keys.reduce((path, key) => fieldPath(path, `f:${key}`), "")),
);

const metaSchema: Json = {
  properties: {
    labels: { additionalProperties: { type: "string" } },
    annotations: { additionalProperties: { type: "string" } },
    finalizers: { "x-kubernetes-list-type": "set" },
    ownerReferences: {
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["uid"],
      items: { "x-kubernetes-map-type": "atomic" },
    },
  },
};

/** Returns the schema of a whole object, metadata included, as field tracking needs it. */
export function trackingSchema(resource: ApiResource): Json {
  return {
    ...resource.schema,
    properties: { ...recordOf(resource.schema["properties"]), metadata: metaSchema },
  };
}

/** Drops the fields that no manager can own. */
export function ownable(fields: FieldSet): Set<string> {
  return new Set([...fields].filter((path) => !unowned.has(path)));
}

/** Reads metadata.managedFields. */
export function managersOf(meta: ApiMeta): Manager[] {
  return (meta.managedFields ?? []).map((entry) => ({
    manager: entry.manager,
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    subresource: entry.subresource,
    time: entry.time,
    fields: fieldsFromJson(entry.fieldsV1),
  }));
}

/** Puts managers into an object's metadata, in the server's order; entries without fields go. */
export function withManagers(object: ApiObject, managers: readonly Manager[]): ApiObject {
  const managedFields = managers
    .filter((m) => m.fields.size > 0)
    .toSorted(byOperation)
    .map(
      (m): ManagedFields => ({
        manager: m.manager,
        operation: m.operation,
        apiVersion: m.apiVersion,
        ...(m.time === undefined ? {} : { time: m.time }),
        fieldsType: "FieldsV1",
        fieldsV1: fieldsToJson(m.fields),
        ...(m.subresource === undefined ? {} : { subresource: m.subresource }),
      }),
    );
  const metadata = { ...object.metadata };
  delete metadata.managedFields;
  if (managedFields.length > 0) metadata.managedFields = managedFields;
  return { ...object, metadata };
}

function byOperation(a: Manager, b: Manager): number {
  const key = (m: Manager) =>
    [m.operation, m.time, m.manager, m.apiVersion, m.subresource].join(" ");
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
}

/** Gives the fields that a plain write changed to its manager and takes them from all others. */
export function trackUpdate(
  write: {
    resource: ApiResource;
    before: ApiObject | undefined;
    after: ApiObject;
    subresource?: string | undefined;
  },
  by: { manager: string; time: string },
): ApiObject {
  const { resource, before, after, subresource } = write;
  const schema = trackingSchema(resource);
  const changes = changesBetween(schema, before ?? blank(resource, after), after);
  const changed = ownable(new Set([...changes.added, ...changes.modified]));
  const apiVersion = apiVersionOf(resource);
  const isSelf = (m: Manager) =>
    m.manager === by.manager &&
    m.operation === "Update" &&
    m.apiVersion === apiVersion &&
    m.subresource === subresource;
  const all =
    subresource === undefined ? managersGiven(before, after) : managersOf(before?.metadata ?? {});
  const own = all.find(isSelf);
  const others = all
    .filter((m) => !isSelf(m))
    .map((m) => ({ ...m, fields: m.fields.difference(changed).difference(changes.removed) }));
  const fields = (own?.fields ?? new Set<string>()).union(changed).difference(changes.removed);
  const grew =
    changed.size > 0 && !(own && fields.size === own.fields.size && fields.isSubsetOf(own.fields));
  const self: Manager = {
    manager: by.manager,
    operation: "Update",
    apiVersion,
    subresource,
    time: grew || !own ? by.time : own.time,
    fields,
  };
  return withManagers(after, [...others, self]);
}

/** An update may rewrite managedFields themselves: `[{}]` empties them, and none at all leaves them as they are. */
function managersGiven(before: ApiObject | undefined, after: ApiObject): Manager[] {
  const given = after.metadata.managedFields ?? [];
  if (before === undefined || given.length === 0) return managersOf(before?.metadata ?? {});
  return given.some((entry) => entry.fieldsV1 !== undefined) ? managersOf(after.metadata) : [];
}

/** What a new object is compared with: built-in kinds have their top level from the start. */
function blank(resource: ApiResource, after: ApiObject): ApiObject {
  const base: ApiObject = { apiVersion: after.apiVersion, kind: after.kind, metadata: {} };
  if (resource.custom) return base;
  for (const key of ["spec", "status"]) if (isRecord(after[key])) base[key] = {};
  return base;
}
