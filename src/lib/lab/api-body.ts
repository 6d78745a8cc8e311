import { parse as parseYaml } from "yaml";
import { type ApiObject, isRecord, type Json, recordOf, textOf } from "./api-object.ts";
import { type ApiResource, apiVersionOf } from "./api-resource.ts";
import { badRequest, unsupportedMediaType } from "./api-status.ts";

/** Reads a request's body as JSON or YAML 1.1 (where `y` is true, as in the reference); an empty one is undefined. */
export async function readBody(request: Request): Promise<unknown> {
  const text = await request.text();
  if (text.trim() === "") return undefined;
  try {
    return typeOf(request).includes("yaml")
      ? parseYaml(text, { version: "1.1" })
      : JSON.parse(text);
  } catch (error) {
    throw badRequest(
      `error decoding request body: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** Returns a request's content type without its parameters. */
export function typeOf(request: Request): string {
  return (request.headers.get("content-type") ?? "application/json").split(";")[0]?.trim() ?? "";
}

const accepted = ["application/json", "application/yaml"];

/** Reads an object to create or replace; apiVersion and kind may be left to the URL. */
export async function readObject(request: Request, resource: ApiResource): Promise<ApiObject> {
  if (!accepted.includes(typeOf(request)))
    throw unsupportedMediaType(
      `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
    );
  return objectOf(await readBody(request), resource);
}

/** Takes a value that was made from a stored object as one again. */
export function toApiObject(value: unknown): ApiObject {
  const { apiVersion, kind, metadata, ...rest } = recordOf(value);
  return {
    apiVersion: textOf(apiVersion),
    kind: textOf(kind),
    metadata: recordOf(metadata),
    ...rest,
  };
}

/** Takes a JSON value as an object of a resource; what is none throws 400. */
export function objectOf(value: unknown, resource: ApiResource): ApiObject {
  if (!isRecord(value))
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: the body is no object`,
    );
  const { apiVersion, kind, metadata } = value;
  if (metadata !== undefined && metadata !== null && !isRecord(metadata))
    throw badRequest("unable to decode metadata: it is no object");
  const meta: Json = Object.fromEntries(
    Object.entries(recordOf(metadata)).filter(([, v]) => v !== null),
  );
  return {
    ...value,
    apiVersion: typeof apiVersion === "string" && apiVersion ? apiVersion : apiVersionOf(resource),
    kind: typeof kind === "string" && kind ? kind : resource.kind,
    metadata: meta,
  };
}
