import { applied, checkApplied, firstApplied } from "./api-apply.ts";
import { objectOf } from "./api-body.ts";
import { trackingSchema } from "./api-managed.ts";
import type { ApiObject } from "./api-object.ts";
import { jsonPatch, mergePatch, PatchFault } from "./api-patch.ts";
import { prune } from "./api-prune.ts";
import { type ApiResource, apiVersionOf, storeKey } from "./api-resource.ts";
import { ApiError, badRequest, conflict, internal, unsupportedMediaType } from "./api-status.ts";
import { strategicMerge } from "./api-strategic.ts";
import type { Params, Target } from "./api-target.ts";
import { type ApiContext, createObject, updateObject, type WriteOptions } from "./api-write.ts";

export interface PatchRequest {
  readonly type: string;
  readonly body: unknown;
  readonly params: Params;
}

/** Carries out a PATCH of any type and says whether it made the object. */
export function changeByPatch(
  ctx: ApiContext,
  target: Target,
  { patch, options }: { patch: PatchRequest; options: WriteOptions },
): { object: ApiObject; created: boolean } {
  if (patch.type === "application/apply-patch+yaml") return apply(ctx, target, { patch, options });
  const change = (current: ApiObject) => patched(target.resource, current, patch);
  return {
    object: updateObject(ctx, target, { ...options, isPatch: true, change }),
    created: false,
  };
}

function apply(
  ctx: ApiContext,
  target: Target,
  { patch, options }: { patch: PatchRequest; options: WriteOptions },
): { object: ApiObject; created: boolean } {
  const { resource, namespace, name = "" } = target;
  const given = objectOf(patch.body, resource);
  const config = { ...given, metadata: { ...given.metadata, name: given.metadata.name ?? name } };
  const { fieldManager, force } = patch.params;
  const by = { manager: fieldManager, force, time: options.time };
  checkApplied(config, by);
  if (config.metadata.name !== name)
    throw badRequest(
      `the name of the object (${config.metadata.name}) does not match the name on the URL (${name})`,
    );
  checkDeclared(resource, config);
  const tracked = { ...options, isPatch: true, tracked: true };
  if (ctx.store.get(storeKey(resource), name, namespace) || target.subresource !== undefined) {
    const change = (current: ApiObject) => applied(target, { current, config }, by);
    return { object: updateObject(ctx, target, { ...tracked, change }), created: false };
  }
  if (config.metadata.uid) throw conflict(resource, name, "the object was deleted or made anew");
  const body = firstApplied(target, config, by);
  const object = createObject(ctx, { target: { ...target, name: undefined }, body }, tracked);
  return { object, created: true };
}

/** An apply names its fields by the schema: one that it does not know is refused. */
function checkDeclared(resource: ApiResource, config: ApiObject): void {
  if (!resource.custom) return;
  const { unknown } = prune(resource.schema, config);
  if (unknown.length === 0) return;
  const { namespace = "", name } = config.metadata;
  const faults = unknown.map((path) => `.${path}: field not declared in schema`);
  throw internal(
    `failed to create typed patch object (${namespace}/${name}; ${apiVersionOf(resource)}, Kind=${resource.kind}): ${
      faults.length === 1 ? faults[0] : `errors:\n  ${faults.join("\n  ")}`
    }`,
  );
}

function patched(resource: ApiResource, current: ApiObject, patch: PatchRequest): ApiObject {
  switch (patch.type) {
    case "application/merge-patch+json":
      return objectOf(mergePatch(current, patch.body), resource);
    case "application/json-patch+json":
      try {
        return objectOf(jsonPatch(current, patch.body), resource);
      } catch (error) {
        if (!(error instanceof PatchFault)) throw error;
        throw new ApiError(422, "Invalid", {
          message: `the server rejected our request due to an error in our request`,
          details: {},
        });
      }
    case "application/strategic-merge-patch+json":
      if (!resource.custom)
        return objectOf(strategicMerge(trackingSchema(resource), current, patch.body), resource);
      throw unsupported(resource);
    default:
      throw unsupported(resource);
  }
}

function unsupported(resource: ApiResource): ApiError {
  const types = ["json-patch+json", "merge-patch+json"].map((type) => `application/${type}`);
  if (!resource.custom) types.push("application/strategic-merge-patch+json");
  return unsupportedMediaType(
    `the body of the request was in an unknown format - accepted media types include: ${types.join(", ")}, application/apply-patch+yaml`,
  );
}
