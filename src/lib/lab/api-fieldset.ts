import { isRecord, type Json, listOf, recordOf, sameJson, textOf } from "./api-object.ts";

/**
 * A set of fields of an object, each a path of FieldsV1 elements (`f:spec`, `k:{"name":"a"}`, `v:"x"`) joined by NUL.
 * Encoding: meta/v1 FieldsV1.
 */
export type FieldSet = ReadonlySet<string>;

const joint = "\u0000";

/** Joins one more element to a path. */
export function fieldPath(parent: string, element: string): string {
  return parent === "" ? element : `${parent}${joint}${element}`;
}

/** Splits a path into its elements. */
export function elementsOf(path: string): string[] {
  return path === "" ? [] : path.split(joint);
}

/** Renders a set as FieldsV1. */
export function fieldsToJson(fields: FieldSet): Json {
  const tree: Tree = { member: false, below: new Map() };
  for (const path of fields) {
    let at = tree;
    for (const element of elementsOf(path)) {
      const next = at.below.get(element) ?? { member: false, below: new Map() };
      at.below.set(element, next);
      at = next;
    }
    at.member = true;
  }
  return treeJson(tree);
}

interface Tree {
  member: boolean;
  readonly below: Map<string, Tree>;
}

function treeJson(tree: Tree): Json {
  const out: Json = tree.member && tree.below.size > 0 ? { ".": {} } : {};
  for (const [element, below] of [...tree.below].sort(([a], [b]) => (a < b ? -1 : 1)))
    out[element] = treeJson(below);
  return out;
}

/** Reads FieldsV1. */
export function fieldsFromJson(json: unknown, parent = ""): Set<string> {
  const out = new Set<string>();
  const entries = Object.entries(recordOf(json));
  if (entries.length === 0 && parent !== "") out.add(parent);
  for (const [element, below] of entries)
    if (element === ".") out.add(parent);
    else for (const path of fieldsFromJson(below, fieldPath(parent, element))) out.add(path);
  return out;
}

export type ListType = "atomic" | "map" | "set";

/** Returns how a list merges: atomic unless its schema says otherwise. */
export function listTypeOf(schema: Json): ListType {
  const type = schema["x-kubernetes-list-type"];
  return type === "map" || type === "set" ? type : "atomic";
}

/** Returns the schema of a field; an undeclared field has an empty one. */
export function fieldSchema(schema: Json, key: string): Json {
  const declared = recordOf(schema["properties"])[key];
  return recordOf(declared ?? schema["additionalProperties"]);
}

/** Marks a schema whose objects are all of fixed fields, though it does not list them (built-in kinds). */
export const declaresAll = "x-multinic-declares-all";

function isDeclared(schema: Json, key: string): boolean {
  return schema[declaresAll] === true || key in recordOf(schema["properties"]);
}

/** Names an item of a `map` or `set` list; an item without its keys has none. */
export function itemElement(schema: Json, item: unknown): string | undefined {
  if (listTypeOf(schema) === "set") return `v:${JSON.stringify(item)}`;
  if (!isRecord(item)) return undefined;
  const defaults = recordOf(recordOf(schema["items"])["properties"]);
  const keys = listOf(schema["x-kubernetes-list-map-keys"]).map(textOf).sort();
  const named = keys.map((k) => [k, item[k] ?? recordOf(defaults[k])["default"]] as const);
  if (named.some(([, value]) => value === undefined)) return undefined;
  return `k:${JSON.stringify(Object.fromEntries(named))}`;
}

/** Tells whether a value is taken as one piece: a scalar, an atomic list, an atomic object. */
export function isWhole(schema: Json, value: unknown): boolean {
  if (Array.isArray(value)) return listTypeOf(schema) === "atomic";
  return !isRecord(value) || schema["x-kubernetes-map-type"] === "atomic";
}

/** Lists the parts of an object or a keyed list: path element, value, schema. */
export function* partsOf(schema: Json, value: unknown): Generator<[string, unknown, Json]> {
  if (Array.isArray(value)) {
    for (const item of value) {
      const element = itemElement(schema, item);
      if (element !== undefined) yield [element, item, recordOf(schema["items"])];
    }
  } else
    for (const [key, part] of Object.entries(recordOf(value)))
      if (part !== undefined) yield [`f:${key}`, part, fieldSchema(schema, key)];
}

/** Returns the fields that a configuration sets (structured-merge-diff's ToFieldSet). */
export function fieldsOf(schema: Json, value: unknown, parent = ""): Set<string> {
  const out = new Set<string>();
  const parts = isWhole(schema, value) ? [] : [...partsOf(schema, value)];
  if (parts.length === 0) {
    if (parent !== "") out.add(parent);
    return out;
  }
  for (const [element, part, below] of parts) {
    const path = fieldPath(parent, element);
    const isItem = !element.startsWith("f:");
    if (isItem || !isDeclared(schema, element.slice(2))) out.add(path);
    for (const inner of fieldsOf(below, part, path)) out.add(inner);
  }
  return out;
}

export interface Changes {
  readonly added: Set<string>;
  readonly modified: Set<string>;
  readonly removed: Set<string>;
}

/** Compares two states of an object field by field. */
export function changesBetween(schema: Json, before: unknown, after: unknown): Changes {
  const out: Changes = { added: new Set(), modified: new Set(), removed: new Set() };
  compare(schema, [before, after], { path: "", out });
  return out;
}

function compare(
  schema: Json,
  [before, after]: readonly [unknown, unknown],
  at: { path: string; out: Changes },
): void {
  const { path, out } = at;
  if (before === undefined || after === undefined) {
    const side = before === undefined ? out.added : out.removed;
    if (path !== "") side.add(path);
    const there = before ?? after;
    if (isWhole(schema, there)) return;
    for (const [element, part, below] of partsOf(schema, there))
      compare(below, before === undefined ? [undefined, part] : [part, undefined], {
        path: fieldPath(path, element),
        out,
      });
    return;
  }
  const differ = Array.isArray(before) !== Array.isArray(after);
  if (differ || isWhole(schema, before) || isWhole(schema, after)) {
    if (!sameJson(before, after)) out.modified.add(path);
    return;
  }
  const old = new Map([...partsOf(schema, before)].map(([e, part]) => [e, part]));
  const seen = new Set<string>();
  for (const [element, part, below] of partsOf(schema, after)) {
    seen.add(element);
    compare(below, [old.get(element), part], { path: fieldPath(path, element), out });
  }
  for (const [element, part, below] of partsOf(schema, before))
    if (!seen.has(element))
      compare(below, [part, undefined], { path: fieldPath(path, element), out });
}
