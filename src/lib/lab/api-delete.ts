import { crdFinalizer, crdKey } from "./api-crd.ts";
import { type ApiObject, type Json, listOf, recordOf, textOf } from "./api-object.ts";
import { type ApiResource, apiVersionOf, storeKey } from "./api-resource.ts";
import { conflict } from "./api-status.ts";
import type { Target } from "./api-target.ts";
import { type ApiContext, getObject, isFinished, timeText } from "./api-write.ts";

export const foregroundFinalizer = "foregroundDeletion";
export const orphanFinalizer = "orphan";

/** How to delete (meta/v1 DeleteOptions). */
export interface DeleteOptions {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly propagationPolicy: string;
  readonly gracePeriodSeconds: number | undefined;
  readonly dryRun: boolean;
}

/** Reads DeleteOptions from the body of a DELETE; without one the query says them. */
export function deleteOptionsOf(
  body: unknown,
  query: { propagationPolicy: string; gracePeriodSeconds: string; dryRun: boolean },
): DeleteOptions {
  const given: Json =
    body === undefined ? { ...query, dryRun: query.dryRun ? ["All"] : [] } : recordOf(body);
  const preconditions = recordOf(given["preconditions"]);
  const grace = given["gracePeriodSeconds"];
  return {
    uid: textOf(preconditions["uid"]),
    resourceVersion: textOf(preconditions["resourceVersion"]),
    propagationPolicy: textOf(given["propagationPolicy"]),
    gracePeriodSeconds: grace === undefined || grace === "" ? undefined : Number(grace),
    dryRun: listOf(given["dryRun"]).includes("All"),
  };
}

/**
 * Deletes an object, or marks it deleted while finalizers, a graceful pod or a namespace's content keep it.
 * Returns its last state and whether it is gone.
 */
export function deleteObject(
  ctx: ApiContext,
  target: Target,
  options: DeleteOptions,
): { object: ApiObject; gone: boolean } {
  const { resource } = target;
  const current = getObject(ctx, target);
  checkDeletePreconditions(resource, current, options);
  const marked = mark(current, {
    now: timeText(ctx.now()),
    graceSeconds: graceOf(target, current, options.gracePeriodSeconds),
    finalizers: [
      ...finalizersFor(current, options.propagationPolicy),
      ...(storeKey(resource) === crdKey && !isMarked(current) ? [crdFinalizer] : []),
    ],
    counts: resource.hasGeneration && storeKey(resource) !== crdKey,
  });
  const held = isNamespace(target) && listOf(recordOf(current["spec"])["finalizers"]).length > 0;
  const object = held ? terminating(marked) : marked;
  const gone = !held && isFinished(object);
  if (options.dryRun) return { object, gone };
  const key = storeKey(resource);
  if (gone) return { object: ctx.store.remove(key, unmarked(current, object)), gone };
  if (object === current) return { object, gone };
  return { object: { ...ctx.store.put(key, object), apiVersion: apiVersionOf(resource) }, gone };
}

function isMarked(object: ApiObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

function checkDeletePreconditions(
  resource: ApiResource,
  current: ApiObject,
  wanted: DeleteOptions,
): void {
  const { name = "", uid, resourceVersion } = current.metadata;
  const refuse = (what: string, text: string) =>
    conflict(
      { ...resource, plural: resource.kind },
      name,
      `the ${what} in the precondition ${text}`,
    );
  if (wanted.uid && wanted.uid !== uid)
    throw refuse(
      "UID",
      `(${wanted.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  if (wanted.resourceVersion && wanted.resourceVersion !== resourceVersion)
    throw refuse(
      "ResourceVersion",
      `(${wanted.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
}

function isNamespace({ resource }: Target): boolean {
  return resource.group === "" && resource.plural === "namespaces";
}

/** A pod that a node runs gets its grace period; everything else goes at once. */
function graceOf({ resource }: Target, object: ApiObject, asked: number | undefined): number {
  if (resource.group !== "" || resource.plural !== "pods") return 0;
  const spec = recordOf(object["spec"]);
  const phase = recordOf(object["status"])["phase"];
  if (!spec["nodeName"] || phase === "Succeeded" || phase === "Failed") return 0;
  return asked ?? Number(spec["terminationGracePeriodSeconds"] ?? 30);
}

function finalizersFor(object: ApiObject, policy: string): string[] {
  const own = (object.metadata.finalizers ?? []).filter(
    (f) => policy === "" || (f !== foregroundFinalizer && f !== orphanFinalizer),
  );
  if (policy === "Foreground") return [...own, foregroundFinalizer];
  return policy === "Orphan" ? [...own, orphanFinalizer] : own;
}

function mark(
  object: ApiObject,
  how: { now: string; graceSeconds: number; finalizers: string[]; counts: boolean },
): ApiObject {
  const { metadata } = object;
  const again = metadata.deletionTimestamp !== undefined;
  const shorter = how.graceSeconds < (metadata.deletionGracePeriodSeconds ?? 0);
  if (again && !shorter) return object;
  const next = {
    ...metadata,
    deletionTimestamp: metadata.deletionTimestamp ?? later(how.now, how.graceSeconds),
    deletionGracePeriodSeconds: how.graceSeconds,
    ...(how.counts && !again ? { generation: (metadata.generation ?? 0) + 1 } : {}),
  };
  delete next.finalizers;
  if (how.finalizers.length > 0) next.finalizers = how.finalizers;
  return { ...object, metadata: next };
}

/** What goes at once was never marked: its last state is the one that was stored. */
function unmarked(current: ApiObject, marked: ApiObject): ApiObject {
  return current.metadata.deletionTimestamp === undefined ? current : marked;
}

function terminating(object: ApiObject): ApiObject {
  const status: Json = { ...recordOf(object["status"]), phase: "Terminating" };
  return { ...object, status };
}

function later(now: string, seconds: number): string {
  return timeText(Date.parse(now) + seconds * 1000);
}
