import { mergeApplied, removeFields } from "./api-apply-merge.ts";
import { toApiObject } from "./api-body.ts";
import { changesBetween, elementsOf, type FieldSet, fieldsOf } from "./api-fieldset.ts";
import { type Manager, managersOf, ownable, trackingSchema, withManagers } from "./api-managed.ts";
import { type ApiObject, isRecord, sameJson, without } from "./api-object.ts";
import { apiVersionOf } from "./api-resource.ts";
import { ApiError, badRequest } from "./api-status.ts";
import type { Target } from "./api-target.ts";

export interface Application {
  readonly manager: string;
  readonly force: boolean;
  readonly time: string;
}

/** Returns the object and its managers after the first server-side apply of a configuration. */
export function firstApplied(target: Target, config: ApiObject, by: Application): ApiObject {
  const schema = trackingSchema(target.resource);
  const body = scoped(target, config);
  return withManagers(body, [newManager(target, by, ownable(fieldsOf(schema, body)))]);
}

/**
 * Joins a configuration with the stored object (structured-merge-diff's Apply): what its manager no longer sets goes,
 * unless somebody else owns it; another manager's field with another value is a conflict, or with force taken over.
 */
export function applied(
  target: Target,
  { current, config }: { current: ApiObject; config: ApiObject },
  by: Application,
): ApiObject {
  const { resource, subresource } = target;
  const schema = trackingSchema(resource);
  const body = scoped(target, config);
  const fields = ownable(fieldsOf(schema, body));
  const managers = managersOf(current.metadata);
  const isSelf = (m: Manager) =>
    m.manager === by.manager && m.operation === "Apply" && m.subresource === subresource;
  const own = managers.find(isSelf);
  const others = managers.filter((m) => !isSelf(m));
  const merged = mergeApplied(schema, current, body);
  const changes = changesBetween(schema, current, merged);
  const touched = ownable(changes.modified.union(changes.added));
  const disputes = others
    .map((manager) => ({ manager, fields: manager.fields.intersection(touched) }))
    .filter((dispute) => dispute.fields.size > 0);
  if (disputes.length > 0 && !by.force) throw conflictOf(disputes);
  const kept = new Set(others.flatMap((m) => [...m.fields]));
  const dropped = (own?.fields ?? new Set<string>()).difference(fields).difference(kept);
  const result = toApiObject(removeFields(schema, merged, dropped));
  const gone = changesBetween(schema, merged, result).removed;
  const self = newManager(target, by, fields);
  const isSame =
    own !== undefined && sameSet(own.fields, fields) && sameJson(bare(result), bare(current));
  return withManagers(result, [
    ...others.map((m) => ({ ...m, fields: m.fields.difference(touched).difference(gone) })),
    isSame && own ? { ...own, apiVersion: apiVersionOf(resource) } : self,
  ]);
}

/** Refuses what only a plain write may carry. */
export function checkApplied(config: ApiObject, by: Application): void {
  if (config.metadata.managedFields !== undefined)
    throw badRequest("metadata.managedFields must be nil");
  if (by.manager === "")
    throw new ApiError(422, "Invalid", {
      message:
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      details: {
        group: "meta.k8s.io",
        kind: "PatchOptions",
        causes: [
          {
            reason: "FieldValueRequired",
            message: "Required value: is required for apply patch",
            field: "fieldManager",
          },
        ],
      },
    });
}

function newManager(target: Target, by: Application, fields: FieldSet): Manager {
  return {
    manager: by.manager,
    operation: "Apply",
    apiVersion: apiVersionOf(target.resource),
    subresource: target.subresource,
    time: by.time,
    fields,
  };
}

/** Leaves of a configuration only what its endpoint takes. */
function scoped(target: Target, config: ApiObject): ApiObject {
  if (!target.resource.hasStatus) return config;
  if (target.subresource !== "status") return toApiObject(without(config, "status"));
  const { apiVersion, kind, metadata } = config;
  const { name = "", namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    ...(config["status"] === undefined ? {} : { status: config["status"] }),
  };
}

function bare(object: ApiObject): ApiObject {
  const metadata = { ...object.metadata };
  delete metadata.managedFields;
  return { ...object, metadata };
}

function sameSet(a: FieldSet, b: FieldSet): boolean {
  return a.size === b.size && a.isSubsetOf(b);
}

interface Dispute {
  readonly manager: Manager;
  readonly fields: FieldSet;
}

function conflictOf(disputes: readonly Dispute[]): ApiError {
  const causes = disputes.flatMap(({ manager, fields }) =>
    [...fields].map((path) => ({
      reason: "FieldManagerConflict",
      message: `conflict with ${nameOf(manager)}`,
      field: fieldText(path),
    })),
  );
  const said = disputes.map(({ manager, fields }) => {
    const paths = [...fields].map(fieldText);
    return paths.length === 1
      ? `conflict with ${nameOf(manager)}: ${paths[0]}`
      : `conflicts with ${nameOf(manager)}:\n- ${paths.join("\n- ")}`;
  });
  const many = causes.length === 1 ? "1 conflict" : `${causes.length} conflicts`;
  return new ApiError(409, "Conflict", {
    message: `Apply failed with ${many}: ${said.join("\n")}`,
    details: { causes },
  });
}

function nameOf(m: Manager): string {
  const name = `${JSON.stringify(m.manager)}${m.subresource ? ` with subresource ${JSON.stringify(m.subresource)}` : ""}`;
  if (m.operation === "Apply") return name;
  return `${name} using ${m.apiVersion}`;
}

/** Writes a path as messages do: `.spec.containers[name="a"].image`. */
function fieldText(path: string): string {
  return elementsOf(path)
    .map((element) => {
      if (element.startsWith("f:")) return `.${element.slice(2)}`;
      if (element.startsWith("v:")) return `[=${element.slice(2)}]`;
      const keys: unknown = JSON.parse(element.slice(2));
      const named = Object.entries(isRecord(keys) ? keys : {});
      return `[${named.map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(",")}]`;
    })
    .join("");
}
