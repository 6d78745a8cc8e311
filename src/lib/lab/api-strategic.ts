import { fieldSchema, itemElement, listTypeOf } from "./api-fieldset.ts";
import { isRecord, type Json, recordOf, sameJson } from "./api-object.ts";

const directive = "$patch";
const order = /^\$setElementOrder\//;
const removal = /^\$deleteFromPrimitiveList\//;
const retained = "$retainKeys";

/**
 * Merges a strategic merge patch: like a merge patch, but keyed lists merge item by item, with the directives
 * `$patch: delete|replace`, `$retainKeys`, `$deleteFromPrimitiveList/…` and `$setElementOrder/…`.
 */
export function strategicMerge(schema: Json, target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  if (patch[directive] === "replace") return stripped(patch);
  if (patch[directive] === "delete") return {};
  const out: Json = retain({ ...recordOf(target) }, patch[retained]);
  for (const [key, value] of Object.entries(patch)) {
    if (key === directive || key === retained || order.test(key)) continue;
    if (removal.test(key)) {
      const field = key.replace(removal, "");
      out[field] = itemsOf(out[field]).filter((i) => !itemsOf(value).some((v) => sameJson(i, v)));
    } else if (value === null) delete out[key];
    else if (Array.isArray(value)) out[key] = mergeList(fieldSchema(schema, key), out[key], value);
    else out[key] = strategicMerge(fieldSchema(schema, key), out[key], value);
  }
  for (const [key, value] of Object.entries(patch))
    if (order.test(key)) {
      const field = key.replace(order, "");
      if (field in out) out[field] = ordered(fieldSchema(schema, field), out[field], value);
    }
  return out;
}

function itemsOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function retain(target: Json, keys: unknown): Json {
  if (!Array.isArray(keys)) return target;
  return Object.fromEntries(Object.entries(target).filter(([key]) => keys.includes(key)));
}

function stripped(patch: Json): Json {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => key !== directive));
}

function mergeList(schema: Json, target: unknown, patch: readonly unknown[]): unknown[] {
  const steps = patch.filter((item) => !isReplace(item));
  if (steps.length < patch.length || listTypeOf(schema) === "atomic") return [...steps];
  if (listTypeOf(schema) === "set") {
    const now = itemsOf(target);
    return [...now, ...steps.filter((item) => !now.some((one) => sameJson(one, item)))];
  }
  const items = recordOf(schema["items"]);
  const out = [...itemsOf(target)];
  for (const step of steps) {
    const at = out.findIndex((item) => itemName(schema, item) === itemName(schema, step));
    if (isRecord(step) && step[directive] === "delete") {
      if (at >= 0) out.splice(at, 1);
    } else if (at >= 0) out[at] = strategicMerge(items, out[at], step);
    else out.push(strategicMerge(items, {}, step));
  }
  return out;
}

/** A lone `{"$patch": "replace"}` in a list says that the rest of the list is the whole of it. */
function isReplace(item: unknown): boolean {
  return isRecord(item) && item[directive] === "replace" && Object.keys(item).length === 1;
}

/** An absent protocol is TCP: ports are keyed by it too. */
function itemName(schema: Json, item: unknown): string {
  const named = isRecord(item) && "containerPort" in item ? { protocol: "TCP", ...item } : item;
  return itemElement(schema, named) ?? JSON.stringify(item);
}

/** Puts the items that an order names into that order; the others keep their place behind their neighbours. */
function ordered(schema: Json, target: unknown, wanted: unknown): unknown[] {
  const items = itemsOf(target);
  const places = new Map(itemsOf(wanted).map((item, i) => [itemName(schema, item), i]));
  let last = -1;
  return items
    .map((item) => {
      const place = places.get(itemName(schema, item));
      last = place ?? last;
      return { item, place: last };
    })
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
