import { crdFinalizer } from "./api-crd.ts";
import {
  type DeleteOptions,
  deleteObject,
  foregroundFinalizer,
  orphanFinalizer,
} from "./api-delete.ts";
import { type ApiObject, type ApiOwner, listOf, recordOf, textOf } from "./api-object.ts";
import { type ApiResource, storeKey } from "./api-resource.ts";
import type { ApiContext } from "./api-write.ts";
import { isFinished } from "./api-write.ts";

const background: DeleteOptions = {
  uid: "",
  resourceVersion: "",
  propagationPolicy: "Background",
  gracePeriodSeconds: undefined,
  dryRun: false,
};

/**
 * Plays the parts of kube-controller-manager that clients rely on: collects objects whose owners are gone, empties
 * namespaces and removed CRDs' objects. Runs a pass after each change, never inside the request that made it.
 */
export function startCollector(ctx: ApiContext): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const schedule = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      collect(ctx);
    }, 0);
  };
  const stop = ctx.store.onChange(schedule);
  schedule();
  return () => {
    stop();
    clearTimeout(timer);
  };
}

/** Makes one pass over all objects; what it deletes brings on the next one. */
export function collect(ctx: ApiContext): void {
  for (const key of ctx.store.keys()) {
    const resource = ctx.resources.ofKey(key);
    if (!resource) continue;
    for (const object of ctx.store.list(key)) {
      if (object.metadata.ownerReferences) collectOrphan(ctx, resource, object);
      if (object.metadata.deletionTimestamp) finishDeletion(ctx, resource, object);
    }
  }
}

function ownerOf(
  ctx: ApiContext,
  object: ApiObject,
  owner: ApiOwner,
): "there" | "gone" | "unknown" {
  const resource = ctx.resources.ofKind(owner.apiVersion, owner.kind);
  if (!resource) return "unknown";
  if (resource.namespaced && object.metadata.namespace === undefined) return "unknown";
  const namespace = resource.namespaced ? object.metadata.namespace : undefined;
  const found = ctx.store.get(storeKey(resource), owner.name, namespace);
  return found?.metadata.uid === owner.uid ? "there" : "gone";
}

/** Deletes an object none of whose owners is left, and drops references to owners that are gone. */
function collectOrphan(ctx: ApiContext, resource: ApiResource, object: ApiObject): void {
  const owners = object.metadata.ownerReferences ?? [];
  const left = owners.filter((owner) => ownerOf(ctx, object, owner) !== "gone");
  if (left.length === owners.length) return;
  if (left.length > 0) {
    ctx.store.put(storeKey(resource), withOwners(object, left));
    return;
  }
  if (object.metadata.deletionTimestamp === undefined) remove(ctx, resource, object);
}

function finishDeletion(ctx: ApiContext, resource: ApiResource, object: ApiObject): void {
  const { finalizers = [], uid = "" } = object.metadata;
  if (finalizers.includes(orphanFinalizer)) {
    for (const [of, dependent] of dependentsOf(ctx, uid))
      ctx.store.put(
        storeKey(of),
        withOwners(
          dependent,
          (dependent.metadata.ownerReferences ?? []).filter((o) => o.uid !== uid),
        ),
      );
    dropFinalizer(ctx, resource, { object, finalizer: orphanFinalizer });
  } else if (finalizers.includes(foregroundFinalizer)) {
    const dependents = [...dependentsOf(ctx, uid)];
    for (const [of, dependent] of dependents)
      if (dependent.metadata.deletionTimestamp === undefined) remove(ctx, of, dependent);
    const blocking = dependents.filter(([, d]) =>
      d.metadata.ownerReferences?.some((o) => o.uid === uid && o.blockOwnerDeletion === true),
    );
    if (blocking.length === 0)
      dropFinalizer(ctx, resource, { object, finalizer: foregroundFinalizer });
  } else if (resource.group === "" && resource.plural === "namespaces")
    emptyNamespace(ctx, resource, object);
  else if (finalizers.includes(crdFinalizer)) emptyCrd(ctx, resource, object);
}

/** Deletes a definition's objects, then lets go of it. */
function emptyCrd(ctx: ApiContext, resource: ApiResource, crd: ApiObject): void {
  const spec = recordOf(crd["spec"]);
  const plural = textOf(recordOf(spec["names"])["plural"]);
  const key = storeKey({ group: textOf(spec["group"]), plural });
  const of = ctx.resources.ofKey(key);
  const left = ctx.store.list(key);
  if (of && left.length > 0) {
    for (const object of left) if (!object.metadata.deletionTimestamp) remove(ctx, of, object);
    return;
  }
  dropFinalizer(ctx, resource, { object: crd, finalizer: crdFinalizer });
}

function emptyNamespace(ctx: ApiContext, resource: ApiResource, object: ApiObject): void {
  const name = object.metadata.name ?? "";
  let left = 0;
  for (const key of ctx.store.keys()) {
    const of = ctx.resources.ofKey(key);
    if (!of?.namespaced) continue;
    for (const content of ctx.store.list(key, name)) {
      left++;
      if (content.metadata.deletionTimestamp === undefined) remove(ctx, of, content);
    }
  }
  if (left > 0) return;
  const spec = recordOf(object["spec"]);
  const finalizers = listOf(spec["finalizers"]).filter((f) => f !== "kubernetes");
  const next = { ...object, spec: { ...spec, finalizers } };
  if (finalizers.length === 0 && isFinished(next)) ctx.store.remove(storeKey(resource), next);
  else if (finalizers.length !== listOf(spec["finalizers"]).length)
    ctx.store.put(storeKey(resource), next);
}

function* dependentsOf(ctx: ApiContext, uid: string): Generator<[ApiResource, ApiObject]> {
  for (const key of ctx.store.keys()) {
    const resource = ctx.resources.ofKey(key);
    if (!resource) continue;
    for (const object of ctx.store.list(key))
      if (object.metadata.ownerReferences?.some((o) => o.uid === uid)) yield [resource, object];
  }
}

function withOwners(object: ApiObject, owners: ApiOwner[]): ApiObject {
  const metadata = { ...object.metadata };
  delete metadata.ownerReferences;
  if (owners.length > 0) metadata.ownerReferences = owners;
  return { ...object, metadata };
}

function dropFinalizer(
  ctx: ApiContext,
  resource: ApiResource,
  from: { object: ApiObject; finalizer: string },
): void {
  const metadata = { ...from.object.metadata };
  const finalizers = (metadata.finalizers ?? []).filter((f) => f !== from.finalizer);
  delete metadata.finalizers;
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  const next = { ...from.object, metadata };
  if (isFinished(next)) ctx.store.remove(storeKey(resource), next);
  else ctx.store.put(storeKey(resource), next);
}

function remove(ctx: ApiContext, resource: ApiResource, object: ApiObject): void {
  const { name, namespace } = object.metadata;
  // A stored version of another apiVersion is of no matter: the store key has none.
  const target = { resource, name, namespace, subresource: undefined };
  deleteObject(ctx, target, background);
}
