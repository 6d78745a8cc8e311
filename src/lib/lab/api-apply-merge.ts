import {
  type FieldSet,
  fieldPath,
  fieldSchema,
  isWhole,
  itemElement,
  listTypeOf,
} from "./api-fieldset.ts";
import { isRecord, type Json, recordOf } from "./api-object.ts";

/** Lays an applied configuration over the live value: objects and keyed lists merge, everything else is replaced. */
export function mergeApplied(schema: Json, live: unknown, config: unknown): unknown {
  if (live === undefined || isWhole(schema, config) || isWhole(schema, live)) return config;
  if (Array.isArray(config)) return Array.isArray(live) ? mergeList(schema, live, config) : config;
  if (!isRecord(config) || !isRecord(live)) return config;
  const out: Json = { ...live };
  for (const [key, value] of Object.entries(config))
    out[key] = mergeApplied(fieldSchema(schema, key), live[key], value);
  return out;
}

/** Items that only the live list has stay where they are, before the next one that both have; else the configuration's order counts. */
function mergeList(schema: Json, live: readonly unknown[], config: readonly unknown[]): unknown[] {
  const name = (item: unknown) => itemElement(schema, item) ?? "";
  const now = new Map(live.map((item) => [name(item), item]));
  const wanted = new Map(config.map((item) => [name(item), item]));
  const items = recordOf(schema["items"]);
  const join = (key: string) =>
    wanted.has(key)
      ? listTypeOf(schema) === "set"
        ? wanted.get(key)
        : mergeApplied(items, now.get(key), wanted.get(key))
      : now.get(key);
  return mergedOrder([...now.keys()], [...wanted.keys()]).map(join);
}

function mergedOrder(live: readonly string[], config: readonly string[]): string[] {
  const out = new Set<string>();
  const rest = [...config];
  for (const key of live) {
    if (!config.includes(key)) out.add(key);
    // Everything new before the shared item, and the item itself unless a reordering has emitted it already.
    else if (!out.has(key))
      while (rest.length > 0 && !out.has(key)) {
        const next = rest.shift();
        if (next !== undefined) out.add(next);
      }
  }
  for (const key of rest) out.add(key);
  return [...out];
}

/** Takes fields out of a value; an object or list that this empties goes too. */
export function removeFields(schema: Json, value: unknown, fields: FieldSet, parent = ""): unknown {
  if (fields.size === 0 || isWhole(schema, value)) return value;
  // An item or a map key that was dropped as such goes with all that nobody else holds below it.
  const keep = (element: string, part: unknown, below: Json): unknown => {
    const path = fieldPath(parent, element);
    const left = removeFields(below, part, fields, path);
    const isEmptied = left === undefined || (isContainer(part) && !isEmpty(part) && isEmpty(left));
    if (isEmptied) return undefined;
    return fields.has(path) && (!isContainer(left) || isEmpty(left) || isWhole(below, left))
      ? undefined
      : left;
  };
  if (Array.isArray(value)) {
    const items = recordOf(schema["items"]);
    return value
      .map((item) => {
        const element = itemElement(schema, item) ?? "";
        const left = keep(element, item, items);
        // What remains of a dropped item are its keys: they are no value of their own.
        return fields.has(fieldPath(parent, element)) ? undefined : left;
      })
      .filter((item) => item !== undefined);
  }
  const out: Json = {};
  for (const [key, part] of Object.entries(recordOf(value))) {
    const left = keep(`f:${key}`, part, fieldSchema(schema, key));
    if (left !== undefined) out[key] = left;
  }
  return out;
}

function isContainer(value: unknown): boolean {
  return Array.isArray(value) || isRecord(value);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : Object.keys(recordOf(value)).length === 0;
}
