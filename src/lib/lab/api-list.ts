import type { ApiObject, Json } from "./api-object.ts";
import { apiVersionOf, storeKey } from "./api-resource.ts";
import { matcher } from "./api-selectors.ts";
import { ApiError, badRequest, expired } from "./api-status.ts";
import type { Params, Target } from "./api-target.ts";
import type { ApiContext } from "./api-write.ts";

/** One page of a collection, as it was at one revision. */
export interface Page {
  readonly items: ApiObject[];
  readonly resourceVersion: string;
  readonly continueToken: string;
  /** Items on later pages; undefined when a selector makes the count unknown. */
  readonly remaining: number | undefined;
}

const tooOld =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list.";

/** Lists a collection: selectors, limit and continue, an exact resourceVersion; 410 when that is forgotten. */
export function listObjects(ctx: ApiContext, target: Target, params: Params): Page {
  const { resource } = target;
  const key = storeKey(resource);
  const from = params.continue === "" ? undefined : readToken(params.continue);
  const asked = params.resourceVersion === "" ? 0 : revisionOf(params.resourceVersion);
  const exact = params.resourceVersionMatch === "Exact" ? asked : undefined;
  const revision = from?.revision ?? exact ?? ctx.store.revision;
  if (Math.max(asked, revision) > ctx.store.revision)
    throw new ApiError(504, "Timeout", {
      message: `Timeout: Too large resource version: ${Math.max(asked, revision)}, current: ${ctx.store.revision}`,
      details: {
        causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      },
    });
  if (revision < ctx.store.compacted) {
    if (!from) throw expired(`too old resource version: ${revision} (${ctx.store.compacted})`);
    const fresh = writeToken({ revision: ctx.store.revision, after: from.after });
    throw expired(tooOld, fresh);
  }
  const matches = matcher(resource, params);
  const all = ctx.store
    .listAt(key, revision)
    .filter((o) => target.namespace === undefined || o.metadata.namespace === target.namespace)
    .filter((o) => target.name === undefined || o.metadata.name === target.name)
    .filter((o) => from === undefined || idOf(o) > from.after)
    .filter(matches);
  const items = params.limit > 0 ? all.slice(0, params.limit) : all;
  const last = items.at(-1);
  const more = items.length < all.length && last !== undefined;
  const selects = params.labelSelector !== "" || params.fieldSelector !== "";
  return {
    items: items.map((o) => ({ ...o, apiVersion: apiVersionOf(resource) })),
    resourceVersion: String(revision),
    continueToken: more ? writeToken({ revision, after: idOf(last) }) : "",
    remaining: more && !selects ? all.length - items.length : undefined,
  };
}

/** Renders a page as the kind's list. */
export function listBody(target: Target, page: Page): Json {
  return {
    apiVersion: apiVersionOf(target.resource),
    kind: target.resource.listKind,
    metadata: listMeta(page),
    items: page.items,
  };
}

/** Renders the metadata of a page. */
export function listMeta(page: Page): Json {
  return {
    ...(page.continueToken === "" ? {} : { continue: page.continueToken }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
    resourceVersion: page.resourceVersion,
  };
}

/** Reads a resourceVersion of a request; what is no number throws 400. */
export function revisionOf(text: string): number {
  if (!/^\d+$/.test(text))
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

function idOf(object: ApiObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
}

interface Token {
  readonly revision: number;
  readonly after: string;
}

function writeToken(token: Token): string {
  return btoa(JSON.stringify([token.revision, token.after]));
}

function readToken(text: string): Token {
  try {
    const [revision, after] = JSON.parse(atob(text));
    return { revision: revisionOf(String(revision)), after: String(after) };
  } catch {
    throw badRequest("invalid continue token: continue key is not valid");
  }
}
