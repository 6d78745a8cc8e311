import { crdKey } from "./api-crd.ts";
import { revisionOf } from "./api-list.ts";
import type { ApiObject, Json } from "./api-object.ts";
import { type ApiResource, apiVersionOf, storeKey } from "./api-resource.ts";
import { type Matcher, matcher } from "./api-selectors.ts";
import { expired, statusOf } from "./api-status.ts";
import type { StoreEvent } from "./api-store.ts";
import type { Params, Target } from "./api-target.ts";
import type { ApiContext } from "./api-write.ts";

export interface WatchHooks {
  /** Milliseconds between bookmarks. */
  readonly bookmarkMs: number;
  /** Renders an object for the client: itself, or a Table of one row. */
  readonly render: (object: ApiObject) => unknown;
  /** Fires when the client is gone or the server stops. */
  readonly signal: AbortSignal;
}

const defaultTimeoutSeconds = 1800;

/** Streams a collection's changes as JSON lines: past ones since resourceVersion, then live ones (meta/v1 WatchEvent). */
export function watchObjects(
  ctx: ApiContext,
  request: { target: Target; params: Params },
  hooks: WatchHooks,
): ReadableStream<Uint8Array> {
  const { target, params } = request;
  const { resource } = target;
  const key = storeKey(resource);
  const selects = matcher(resource, params);
  const matches: Matcher = (o) =>
    (target.namespace === undefined || o.metadata.namespace === target.namespace) &&
    (target.name === undefined || o.metadata.name === target.name) &&
    selects(o);
  const initial =
    params.sendInitialEvents ?? (params.resourceVersion === "" || params.resourceVersion === "0");
  const since = params.resourceVersion === "" ? 0 : revisionOf(params.resourceVersion);
  const encoder = new TextEncoder();
  let finish = () => {};
  return new ReadableStream<Uint8Array>({
    start(controller) {
      let open = true;
      const send = (type: string, object: unknown) => {
        if (open) controller.enqueue(encoder.encode(`${JSON.stringify({ type, object })}\n`));
      };
      const bookmark = (annotations?: Record<string, string>) => {
        if (params.allowWatchBookmarks)
          send("BOOKMARK", bookmarkOf(resource, ctx.store.revision, annotations));
      };
      const deliver = (event: StoreEvent) => {
        // The objects of a kind go before the kind does: nothing more will come.
        if (event.type === "DELETED" && defines(event, resource)) finish();
        if (event.key !== key) return;
        const seen = seenBy(matches, event);
        if (seen)
          send(seen.type, hooks.render({ ...seen.object, apiVersion: apiVersionOf(resource) }));
      };
      const stopEvents = ctx.store.onChange(deliver);
      const bookmarks = setInterval(() => bookmark(), hooks.bookmarkMs);
      const deadline = setTimeout(
        () => {
          bookmark();
          finish();
        },
        (params.timeoutSeconds || defaultTimeoutSeconds) * 1000,
      );
      finish = () => {
        if (!open) return;
        open = false;
        stopEvents();
        clearInterval(bookmarks);
        clearTimeout(deadline);
        hooks.signal.removeEventListener("abort", finish);
        controller.close();
      };
      hooks.signal.addEventListener("abort", finish);
      // Bun holds the response's head back until the first byte; white space between documents is nobody's event.
      controller.enqueue(encoder.encode("\n"));
      if (initial) {
        for (const object of ctx.store.list(key).filter(matches))
          send("ADDED", hooks.render({ ...object, apiVersion: apiVersionOf(resource) }));
        if (params.sendInitialEvents) bookmark({ "k8s.io/initial-events-end": "true" });
        return;
      }
      const past = ctx.store.since(since);
      if (past) for (const event of past) deliver(event);
      else {
        send(
          "ERROR",
          statusOf(expired(`too old resource version: ${since} (${ctx.store.compacted})`)),
        );
        finish();
      }
    },
    cancel: () => finish(),
  });
}

/** Tells whether a change is one of the CustomResourceDefinition of a resource. */
function defines(event: StoreEvent, { group, plural }: ApiResource): boolean {
  return event.key === crdKey && event.object.metadata.name === `${plural}.${group}`;
}

/** How one watcher sees a change: an object that leaves its selection is deleted to it, one that enters is new. */
function seenBy(
  matches: Matcher,
  event: StoreEvent,
): { type: StoreEvent["type"]; object: ApiObject } | undefined {
  const was = event.before !== undefined && matches(event.before);
  const is = event.type !== "DELETED" && matches(event.object);
  if (is) return { type: was ? "MODIFIED" : "ADDED", object: event.object };
  if (!was) return undefined;
  if (event.type === "DELETED") return { type: "DELETED", object: event.object };
  const { resourceVersion } = event.object.metadata;
  const metadata = { ...event.before?.metadata, ...(resourceVersion ? { resourceVersion } : {}) };
  return { type: "DELETED", object: { ...(event.before ?? event.object), metadata } };
}

function bookmarkOf(
  resource: ApiResource,
  revision: number,
  annotations?: Record<string, string>,
): Json {
  return {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}
