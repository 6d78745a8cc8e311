/** What the embedded API server stores: any Kubernetes object, seen through its metadata. */

export type Json = Record<string, unknown>;

export interface ApiOwner extends Json {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFields {
  manager: string;
  operation: "Apply" | "Update";
  apiVersion: string;
  time?: string;
  fieldsType: "FieldsV1";
  fieldsV1: Json;
  subresource?: string;
}

export interface ApiMeta extends Json {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string | null;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: ApiOwner[];
  managedFields?: ManagedFields[];
}

export interface ApiObject extends Json {
  apiVersion: string;
  kind: string;
  metadata: ApiMeta;
}

/** Tells whether a JSON value is an object. */
export function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns a JSON value as an object; anything else is an empty one. */
export function recordOf(value: unknown): Json {
  return isRecord(value) ? value : {};
}

/** Returns a JSON value as an array; anything else is an empty one. */
export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Returns a JSON value as text; anything else is "". */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Tells whether two JSON values are equal; the order of keys does not count. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = definedKeys(a);
  return keys.length === definedKeys(b).length && keys.every((k) => k in b && sameJson(a[k], b[k]));
}

function definedKeys(value: Json): string[] {
  return Object.keys(value).filter((k) => value[k] !== undefined);
}

/** Copies an object without one of its fields. */
export function without(value: Json, key: string): Json {
  const { [key]: _, ...rest } = value;
  return rest;
}
