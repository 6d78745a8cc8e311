import { admissionFaults, admitNew, admitUpdate } from "./api-admit.ts";
import { trackUpdate } from "./api-managed.ts";
import { checkPreconditions, metaFaults, metaOfNew, metaOfUpdate } from "./api-meta.ts";
import { type ApiObject, sameJson, without } from "./api-object.ts";
import { type ApiResource, type ApiResources, apiVersionOf, storeKey } from "./api-resource.ts";
import {
  alreadyExists,
  badRequest,
  type Cause,
  forbidden,
  internal,
  invalid,
  methodNotAllowed,
  notFound,
} from "./api-status.ts";
import type { ApiStore } from "./api-store.ts";
import type { Params, Target } from "./api-target.ts";

/** What every request works on. */
export interface ApiContext {
  readonly store: ApiStore;
  readonly resources: ApiResources;
  readonly now: () => number;
}

export interface WriteOptions extends Pick<Params, "dryRun" | "fieldValidation"> {
  /** Whose fields these are. */
  readonly manager: string;
  /** When, as objects carry it. */
  readonly time: string;
  /** Collects warnings for the response's Warning headers. */
  readonly warnings: string[];
  /** Replaces the managedFields bookkeeping of a plain update (server-side apply). */
  readonly tracked?: boolean;
  /** The change was computed from the stored object, so that it always carries a resourceVersion. */
  readonly isPatch?: boolean;
}

/** Renders a time as objects carry it: RFC 3339, whole seconds. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Returns the object a target names, in the version it asks for; a missing one throws 404. */
export function getObject(ctx: ApiContext, target: Target): ApiObject {
  const { resource, name = "", namespace } = target;
  const found = ctx.store.get(storeKey(resource), name, namespace);
  if (!found) throw notFound(resource, name);
  return { ...found, apiVersion: apiVersionOf(resource) };
}

/** Creates an object: metadata, namespace, schema, fields' managers; returns what was (or with dryRun would be) stored. */
export function createObject(
  ctx: ApiContext,
  request: { target: Target; body: ApiObject },
  options: WriteOptions,
): ApiObject {
  const { target, body } = request;
  const { resource, namespace } = target;
  if (resource.namespaced && namespace === undefined) throw methodNotAllowed();
  checkBody(target, body);
  if (body.metadata.resourceVersion)
    throw internal("resourceVersion should not be set on objects to be created");
  const metadata = metaOfNew(body.metadata, {
    namespace,
    now: options.time,
    generation: resource.hasGeneration,
  });
  const named: ApiObject = { ...body, apiVersion: apiVersionOf(resource), metadata };
  if (namespace !== undefined) checkNamespace(ctx, resource, named);
  const admitted = admitNew(resource, named, options);
  const name = metadata.name ?? "";
  refuseFaults(resource, name, [
    ...metaFaults(resource, metadata),
    ...admissionFaults(resource, admitted),
  ]);
  if (ctx.store.get(storeKey(resource), name, namespace)) throw alreadyExists(resource, name);
  const object = options.tracked
    ? admitted
    : trackUpdate({ resource, before: undefined, after: admitted }, options);
  return options.dryRun ? object : ctx.store.put(storeKey(resource), object);
}

/** Changes an object: `change` gets the stored one and returns what it is to be. */
export function updateObject(
  ctx: ApiContext,
  target: Target,
  options: WriteOptions & { change: (current: ApiObject) => ApiObject },
): ApiObject {
  const { resource, name = "" } = target;
  const current = getObject(ctx, target);
  const asked = options.change(current);
  checkBody(target, asked);
  if (asked.metadata.name !== name)
    throw badRequest(
      `the name of the object (${asked.metadata.name ?? ""}) does not match the name on the URL (${name})`,
    );
  checkVersion(resource, current, { asked, isPatch: options.isPatch === true });
  const scoped = scopeTo(target, current, {
    ...asked,
    apiVersion: apiVersionOf(resource),
    metadata: metaOfUpdate(current.metadata, asked.metadata),
  });
  const admitted = admitUpdate(resource, scoped, options);
  refuseFaults(resource, name, [
    ...metaFaults(resource, admitted.metadata),
    ...finalizerFaults(current, admitted),
    ...admissionFaults(resource, admitted),
  ]);
  const counted = countGeneration(resource, current, admitted);
  const object = options.tracked
    ? counted
    : trackUpdate(
        { resource, before: current, after: counted, subresource: target.subresource },
        options,
      );
  if (options.dryRun) return object;
  if (isFinished(object)) return ctx.store.remove(storeKey(resource), object);
  return sameJson(object, current) ? current : ctx.store.put(storeKey(resource), object);
}

/** Tells whether a deleted object has nothing left to wait for. */
export function isFinished(object: ApiObject): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  return (
    deletionTimestamp !== undefined && finalizers.length === 0 && deletionGracePeriodSeconds === 0
  );
}

export function refuseFaults(resource: ApiResource, name: string, faults: readonly Cause[]): void {
  if (faults.length > 0) throw invalid(resource, name, faults);
}

function checkBody(target: Target, body: ApiObject): void {
  const { resource } = target;
  const expected = apiVersionOf(resource);
  if (body.apiVersion !== expected)
    throw badRequest(
      `the API version in the data (${body.apiVersion}) does not match the expected API version (${expected})`,
    );
  if (body.kind !== resource.kind)
    throw invalid({ ...resource, kind: body.kind }, body.metadata.name ?? "", [
      {
        reason: "FieldValueInvalid",
        message: `Invalid value: ${JSON.stringify(body.kind)}: must be ${resource.kind}`,
        field: "kind",
      },
    ]);
  const own = body.metadata.namespace;
  if (own && resource.namespaced && own !== target.namespace)
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request`,
    );
}

function checkNamespace(ctx: ApiContext, resource: ApiResource, object: ApiObject): void {
  const namespace = object.metadata.namespace ?? "";
  const found = ctx.store.get("/namespaces", namespace);
  if (!found) throw notFound({ group: "", plural: "namespaces", kind: "Namespace" }, namespace);
  if (found.metadata.deletionTimestamp === undefined) return;
  const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw forbidden(resource, object.metadata.name ?? "", {
    message,
    causes: [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ],
  });
}

function checkVersion(
  resource: ApiResource,
  current: ApiObject,
  { asked, isPatch }: { asked: ApiObject; isPatch: boolean },
): void {
  const { name = "", uid, resourceVersion } = asked.metadata;
  const fault = (field: string, message: string) => ({
    reason: "FieldValueInvalid",
    message,
    field,
  });
  if (isPatch && uid !== undefined && uid !== current.metadata.uid)
    throw invalid(resource, name, [
      fault("metadata.uid", `Invalid value: ${JSON.stringify(uid)}: field is immutable`),
    ]);
  if (resource.custom && !resourceVersion)
    throw invalid({ ...resource, kind: resource.plural }, name, [
      fault("metadata.resourceVersion", "Invalid value: 0: must be specified for an update"),
    ]);
  checkPreconditions(resource, current, asked.metadata);
}

/** Keeps a write inside its endpoint: /status changes status alone, the main one everything else. */
function scopeTo(target: Target, current: ApiObject, next: ApiObject): ApiObject {
  if (!target.resource.hasStatus) return next;
  const inStatus = target.subresource === "status";
  const from = inStatus ? current : next;
  const status = (inStatus ? next : current)["status"];
  const scoped: ApiObject = { ...from, ...(status === undefined ? {} : { status }) };
  if (status === undefined) delete scoped["status"];
  if (!inStatus) return scoped;
  return { ...scoped, metadata: statusMeta(target.resource, current, next) };
}

/** Of the metadata a /status write reaches managedFields, and with built-in kinds labels and annotations too. */
function statusMeta(resource: ApiResource, current: ApiObject, next: ApiObject) {
  if (!resource.custom) return { ...next.metadata };
  const meta = { ...current.metadata };
  if (next.metadata.managedFields !== undefined) meta.managedFields = next.metadata.managedFields;
  return meta;
}

function finalizerFaults(current: ApiObject, next: ApiObject): Cause[] {
  if (current.metadata.deletionTimestamp === undefined) return [];
  const before = new Set(current.metadata.finalizers ?? []);
  const added = (next.metadata.finalizers ?? []).filter((f) => !before.has(f));
  if (added.length === 0) return [];
  return [
    {
      reason: "FieldValueForbidden",
      message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added
        .map((f) => JSON.stringify(f))
        .join(", ")}}`,
      field: "metadata.finalizers",
    },
  ];
}

function countGeneration(resource: ApiResource, current: ApiObject, next: ApiObject): ApiObject {
  if (!resource.hasGeneration) return next;
  const counted = (o: ApiObject) =>
    without(resource.hasStatus ? without(o, "status") : o, "metadata");
  if (sameJson(counted(current), counted(next))) return next;
  const generation = (current.metadata.generation ?? 1) + 1;
  return { ...next, metadata: { ...next.metadata, generation } };
}
