import { readBody, readObject, typeOf } from "./api-body.ts";
import { deleteObject, deleteOptionsOf } from "./api-delete.ts";
import { listBody, listMeta, listObjects } from "./api-list.ts";
import type { ApiObject, Json } from "./api-object.ts";
import { changeByPatch } from "./api-patching.ts";
import { apiVersionOf } from "./api-resource.ts";
import { methodNotAllowed } from "./api-status.ts";
import { asksForTable, tableOf } from "./api-table.ts";
import { type Params, paramsOf, type Target } from "./api-target.ts";
import { watchObjects } from "./api-watch.ts";
import {
  type ApiContext,
  createObject,
  getObject,
  timeText,
  updateObject,
  type WriteOptions,
} from "./api-write.ts";

export interface RequestContext extends ApiContext {
  readonly bookmarkMs: number;
  /** Fires when the server stops. */
  readonly stopping: AbortSignal;
}

/** Serves one request for a resource: reads, watches and writes. */
export async function serveResource(
  ctx: RequestContext,
  request: Request,
  target: Target,
): Promise<Response> {
  const params = paramsOf(new URL(request.url).searchParams);
  if (request.method === "GET") return read(ctx, request, { target, params });
  const warnings: string[] = [];
  const options: WriteOptions = {
    dryRun: params.dryRun,
    fieldValidation: params.fieldValidation,
    manager: params.fieldManager || agentOf(request),
    time: timeText(ctx.now()),
    warnings,
  };
  const send = (object: ApiObject, status = 200) => {
    const body = asksForTable(request)
      ? tableOf(target.resource, [object], { ...rowsOf(request), now: ctx.now() })
      : object;
    const response = Response.json(body, { status });
    for (const text of warnings)
      response.headers.append("warning", `299 - ${JSON.stringify(text)}`);
    return response;
  };
  const named = target.name !== undefined;
  switch (request.method) {
    case "POST": {
      if (named) throw methodNotAllowed();
      const body = await readObject(request, target.resource);
      return send(createObject(ctx, { target, body }, options), 201);
    }
    case "PUT": {
      if (!named) throw methodNotAllowed();
      const body = await readObject(request, target.resource);
      return send(updateObject(ctx, target, { ...options, change: () => body }));
    }
    case "PATCH": {
      if (!named) throw methodNotAllowed();
      const patch = { type: typeOf(request), body: await readBody(request), params };
      const { object, created } = changeByPatch(ctx, target, { patch, options });
      return send(object, created ? 201 : 200);
    }
    case "DELETE": {
      if (target.subresource !== undefined) throw methodNotAllowed();
      return remove(ctx, await readBody(request), { target, params });
    }
    default:
      throw methodNotAllowed();
  }
}

interface Asked {
  readonly target: Target;
  readonly params: Params;
}

function read(ctx: RequestContext, request: Request, asked: Asked): Response {
  const { target, params } = asked;
  const table = asksForTable(request);
  const rows = { ...rowsOf(request), now: ctx.now() };
  if (params.watch) {
    let head = true;
    const render = (object: ApiObject) => {
      if (!table) return object;
      const body = tableOf(target.resource, [object], {
        metadata: { resourceVersion: object.metadata.resourceVersion },
        head,
        ...rows,
      });
      head = false;
      return body;
    };
    const signal = AbortSignal.any([request.signal, ctx.stopping]);
    const stream = watchObjects(ctx, asked, { bookmarkMs: ctx.bookmarkMs, render, signal });
    return new Response(stream, { headers: { "content-type": "application/json" } });
  }
  if (target.name !== undefined) {
    const object = getObject(ctx, target);
    if (!table) return Response.json(object);
    return Response.json(
      tableOf(target.resource, [object], {
        metadata: { resourceVersion: object.metadata.resourceVersion },
        ...rows,
      }),
    );
  }
  const page = listObjects(ctx, target, params);
  return Response.json(
    table
      ? tableOf(target.resource, page.items, { metadata: listMeta(page), ...rows })
      : listBody(target, page),
  );
}

function remove(ctx: RequestContext, body: unknown, { target, params }: Asked): Response {
  const options = deleteOptionsOf(body, params);
  if (target.name === undefined) {
    if (target.resource.namespaced && target.namespace === undefined) throw methodNotAllowed();
    const page = listObjects(ctx, target, params);
    for (const item of page.items)
      deleteObject(ctx, { ...target, name: item.metadata.name }, options);
    return Response.json(listBody(target, page));
  }
  const { object, gone } = deleteObject(ctx, target, options);
  const whole = { ...object, apiVersion: apiVersionOf(target.resource) };
  const returnsObject = ["pods", "services", "serviceaccounts"].includes(target.resource.plural);
  if (!gone || (returnsObject && target.resource.group === "")) return Response.json(whole);
  const { name = "", uid = "" } = object.metadata;
  const { group, plural } = target.resource;
  const status: Json = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name, ...(group === "" ? {} : { group }), kind: plural, uid },
  };
  return Response.json(status);
}

function rowsOf(request: Request): { include: "Metadata" | "Object" | "None" } {
  const include = new URL(request.url).searchParams.get("includeObject");
  return { include: include === "Object" || include === "None" ? include : "Metadata" };
}

/** Names the manager of a write without fieldManager as the reference does: the user agent up to its first slash. */
function agentOf(request: Request): string {
  return (request.headers.get("user-agent") ?? "unknown").split("/")[0]?.slice(0, 128) || "unknown";
}
