import { type ApiResource, type ApiResources, apiVersionOf } from "./api-resource.ts";
import { badRequest, noSuchPath } from "./api-status.ts";

/** What a resource path names: a collection, an object or a subresource. */
export interface Target {
  readonly resource: ApiResource;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** Finds what a path below /api or /apis names; an unknown path throws 404. */
export function targetOf(path: string, resources: ApiResources): Target {
  const parts = path
    .split("/")
    .filter((p) => p !== "")
    .map(decodeURIComponent);
  const apiVersion = parts[0] === "api" ? (parts[1] ?? "") : parts.slice(1, 3).join("/");
  const rest = parts.slice(parts[0] === "api" ? 2 : 3);
  const inNamespace = rest[0] === "namespaces" && resources.find(apiVersion, rest[2] ?? "");
  const [plural = "", name, subresource, ...more] = inNamespace ? rest.slice(2) : rest;
  const resource = resources.find(apiVersion, plural);
  if (!resource || more.length > 0 || (inNamespace && !resource.namespaced)) throw noSuchPath();
  if (!inNamespace && resource.namespaced && name !== undefined) throw noSuchPath();
  const target = { resource, namespace: inNamespace ? rest[1] : undefined, name, subresource };
  if (subresource !== undefined && !subresourcesOf(resource).includes(subresource))
    throw noSuchPath();
  return target;
}

/** Returns the subresources that a resource serves. */
export function subresourcesOf(resource: ApiResource): readonly string[] {
  const own = resource.hasStatus ? ["status"] : [];
  if (resource.group === "" && resource.plural === "namespaces") return [...own, "finalize"];
  return own;
}

/** Query parameters of reads and writes (meta/v1 ListOptions, CreateOptions, PatchOptions, DeleteOptions). */
export interface Params {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly limit: number;
  readonly continue: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly watch: boolean;
  readonly timeoutSeconds: number;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: "Ignore" | "Warn" | "Strict";
  readonly force: boolean;
  readonly propagationPolicy: string;
  readonly gracePeriodSeconds: string;
}

/** Reads the query of a request. */
export function paramsOf(query: URLSearchParams): Params {
  const text = (name: string) => query.get(name) ?? "";
  const flag = (name: string) => ["true", "1", "t", "T", "TRUE", "True"].includes(text(name));
  const number = (name: string) => {
    const value = text(name);
    if (value !== "" && !/^-?\d+$/.test(value))
      throw badRequest(`strconv.ParseInt: parsing "${value}": invalid syntax`);
    return Number(value);
  };
  const validation = text("fieldValidation");
  return {
    labelSelector: text("labelSelector"),
    fieldSelector: text("fieldSelector"),
    limit: number("limit"),
    continue: text("continue"),
    resourceVersion: text("resourceVersion"),
    resourceVersionMatch: text("resourceVersionMatch"),
    watch: flag("watch"),
    timeoutSeconds: number("timeoutSeconds"),
    allowWatchBookmarks: flag("allowWatchBookmarks"),
    sendInitialEvents: query.has("sendInitialEvents") ? flag("sendInitialEvents") : undefined,
    dryRun: query.getAll("dryRun").includes("All"),
    fieldManager: text("fieldManager"),
    fieldValidation: validation === "Strict" || validation === "Ignore" ? validation : "Warn",
    force: flag("force"),
    propagationPolicy: text("propagationPolicy"),
    gracePeriodSeconds: text("gracePeriodSeconds"),
  };
}

/** Renders the apiVersion of a target. */
export function versionOf(target: Target): string {
  return apiVersionOf(target.resource);
}
