import { isRecord, type Json, listOf, recordOf, sameJson, textOf } from "./api-object.ts";
import type { Cause } from "./api-status.ts";

/** Checks a value against a structural schema and returns every fault, worded as apiextensions does. CEL is not looked at. */
export function schemaFaults(schema: Json, value: unknown, path = ""): Cause[] {
  if (value === undefined) return [];
  if (value === null && schema["nullable"] === true) return [];
  const wrong = typeFault(schema, value, path);
  if (wrong) return [wrong];
  return [
    ...enumFaults(schema, value, path),
    ...(typeof value === "string" ? stringFaults(schema, value, path) : []),
    ...(typeof value === "number" ? numberFaults(schema, value, path) : []),
    ...(Array.isArray(value) ? listFaults(schema, value, path) : []),
    ...(isRecord(value) ? objectFaults(schema, value, path) : []),
    ...combinedFaults(schema, value, path),
  ];
}

function at(path: string): string {
  return path === "" ? "<nil>" : path;
}

function bad(path: string, value: unknown, why: string): Cause {
  return {
    reason: "FieldValueInvalid",
    message: `Invalid value: ${show(value)}: ${path === "" ? "" : `${path} in body `}${why}`,
    field: at(path),
  };
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function typeFault(schema: Json, value: unknown, path: string): Cause | undefined {
  const is = jsonType(value);
  if (schema["x-kubernetes-int-or-string"] === true)
    return is === "integer" || is === "string" ? undefined : typed("integer,string", is, path);
  const want = schema["type"];
  if (typeof want !== "string" || want === is) return undefined;
  if (want === "number" && is === "integer") return undefined;
  return typed(want, is, path);
}

function typed(want: string, is: string, path: string): Cause {
  return {
    reason: "FieldValueTypeInvalid",
    message: `Invalid value: ${show(is)}: ${path} in body must be of type ${want}: ${show(is)}`,
    field: at(path),
  };
}

function enumFaults(schema: Json, value: unknown, path: string): Cause[] {
  const allowed = schema["enum"];
  if (!Array.isArray(allowed) || allowed.some((one) => sameJson(one, value))) return [];
  return [
    {
      reason: "FieldValueNotSupported",
      message: `Unsupported value: ${show(value)}: supported values: ${allowed.map(show).join(", ")}`,
      field: at(path),
    },
  ];
}

const formats: Record<string, RegExp> = {
  "date-time": /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/,
  ipv4: /^(\d{1,3}\.){3}\d{1,3}$/,
  uuid: /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i,
};

function stringFaults(schema: Json, value: string, path: string): Cause[] {
  const { pattern, minLength, maxLength, format } = schema;
  const length = [...value].length;
  const shape = formats[textOf(format)];
  const faults: Cause[] = [];
  // The reference stops at the first of these three.
  if (typeof maxLength === "number" && length > maxLength)
    faults.push({
      reason: "FieldValueTooLong",
      message: `Too long: may not be more than ${maxLength} bytes`,
      field: at(path),
    });
  else if (typeof minLength === "number" && length < minLength)
    faults.push(bad(path, value, `should be at least ${minLength} chars long`));
  else if (typeof pattern === "string" && !expression(pattern).test(value))
    faults.push(bad(path, value, `should match '${pattern}'`));
  if (shape && !shape.test(value))
    faults.push(bad(path, value, `must be of type ${format}: ${show(value)}`));
  return faults;
}

/** Reads a pattern, which the reference takes as RE2: what only fits without Unicode mode is read without it. */
function expression(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return new RegExp(pattern);
  }
}

function numberFaults(schema: Json, value: number, path: string): Cause[] {
  const faults: Cause[] = [];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (
    typeof minimum === "number" &&
    (value < minimum || (exclusiveMinimum === true && value === minimum))
  )
    faults.push(
      bad(
        path,
        value,
        `should be greater than ${exclusiveMinimum === true ? "" : "or equal to "}${minimum}`,
      ),
    );
  if (
    typeof maximum === "number" &&
    (value > maximum || (exclusiveMaximum === true && value === maximum))
  )
    faults.push(
      bad(
        path,
        value,
        `should be less than ${exclusiveMaximum === true ? "" : "or equal to "}${maximum}`,
      ),
    );
  if (typeof multipleOf === "number" && value % multipleOf !== 0)
    faults.push(bad(path, value, `should be a multiple of ${multipleOf}`));
  return faults;
}

function listFaults(schema: Json, value: readonly unknown[], path: string): Cause[] {
  const faults: Cause[] = [];
  const { minItems, maxItems } = schema;
  if (typeof maxItems === "number" && value.length > maxItems)
    faults.push({
      reason: "FieldValueTooMany",
      message: `Too many: ${value.length}: must have at most ${maxItems} items`,
      field: at(path),
    });
  if (typeof minItems === "number" && value.length < minItems)
    faults.push(bad(path, value.length, `should have at least ${minItems} items`));
  for (const [i, item] of value.entries())
    faults.push(...schemaFaults(recordOf(schema["items"]), item, `${path}[${i}]`));
  return [...faults, ...duplicateFaults(schema, value, path)];
}

/** Items of a `set` or `map` list must differ. */
function duplicateFaults(schema: Json, value: readonly unknown[], path: string): Cause[] {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "set" && type !== "map") return [];
  const keys = listOf(schema["x-kubernetes-list-map-keys"]).map(textOf);
  const idOf = (item: unknown) =>
    type === "set" ? item : Object.fromEntries(keys.map((k) => [k, recordOf(item)[k]]));
  const seen = new Set<string>();
  return value.flatMap((item, i): Cause[] => {
    const id = show(idOf(item));
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [
      {
        reason: "FieldValueDuplicate",
        message: `Duplicate value: ${id}`,
        field: `${path}[${i}]`,
      },
    ];
  });
}

function objectFaults(schema: Json, value: Json, path: string): Cause[] {
  const faults: Cause[] = [];
  const below = (key: string) => (path === "" ? key : `${path}.${key}`);
  for (const key of listOf(schema["required"]).map(textOf))
    if (value[key] === undefined)
      faults.push({
        reason: "FieldValueRequired",
        message: "Required value",
        field: below(key),
      });
  const properties = recordOf(schema["properties"]);
  const { minProperties, maxProperties } = schema;
  const count = Object.keys(value).length;
  if (typeof minProperties === "number" && count < minProperties)
    faults.push(bad(path, count, `should have at least ${minProperties} properties`));
  if (typeof maxProperties === "number" && count > maxProperties)
    faults.push({
      reason: "FieldValueTooMany",
      message: `Too many: ${count}: must have at most ${maxProperties} items`,
      field: at(path),
    });
  for (const [key, part] of Object.entries(value)) {
    if (path === "" && key === "metadata") continue;
    const field = properties[key] ?? schema["additionalProperties"];
    if (isRecord(field)) faults.push(...schemaFaults(field, part, below(key)));
  }
  return faults;
}

function combinedFaults(schema: Json, value: unknown, path: string): Cause[] {
  const faults = listOf(schema["allOf"]).flatMap((s) => schemaFaults(recordOf(s), value, path));
  const fits = (s: unknown) => schemaFaults(recordOf(s), value, path).length === 0;
  const any = listOf(schema["anyOf"]);
  if (any.length > 0 && !any.some(fits))
    faults.push(bad(path, "", "must validate at least one schema (anyOf)"));
  const one = listOf(schema["oneOf"]);
  if (one.length > 0 && one.filter(fits).length !== 1)
    faults.push(bad(path, "", "must validate one and only one schema (oneOf)"));
  if (isRecord(schema["not"]) && fits(schema["not"]))
    faults.push(bad(path, "", "must not validate the schema (not)"));
  return faults;
}
