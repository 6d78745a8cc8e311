import { isRecord, type Json, recordOf } from "./api-object.ts";

/** Drops the fields that a structural schema does not know, and says which they were. */
export function prune(schema: Json, value: Json): { value: Json; unknown: string[] } {
  const unknown: string[] = [];
  const out: Json = {};
  for (const [key, part] of Object.entries(value)) {
    const isEnvelope = ["apiVersion", "kind", "metadata"].includes(key);
    if (isEnvelope) out[key] = part;
    else pruneField(schema, [key, part], { path: key, out, unknown });
  }
  return { value: out, unknown };
}

function pruneField(
  schema: Json,
  [key, part]: readonly [string, unknown],
  at: { path: string; out: Json; unknown: string[] },
): void {
  const declared = recordOf(schema["properties"])[key];
  const open = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const more = schema["additionalProperties"];
  if (declared === undefined && !isRecord(more) && more !== true) {
    if (open) at.out[key] = part;
    else at.unknown.push(at.path);
    return;
  }
  at.out[key] = pruneValue(recordOf(declared ?? more), part, at);
}

function pruneValue(
  schema: Json,
  value: unknown,
  at: { path: string; unknown: string[] },
): unknown {
  if (Array.isArray(value)) {
    const items = schema["items"];
    if (!isRecord(items)) return value;
    return value.map((item, i) =>
      pruneValue(items, item, { path: `${at.path}[${i}]`, unknown: at.unknown }),
    );
  }
  if (!isRecord(value)) return value;
  if (schema["type"] !== "object" && schema["properties"] === undefined) return value;
  const out: Json = {};
  for (const field of Object.entries(value))
    pruneField(schema, field, { path: `${at.path}.${field[0]}`, out, unknown: at.unknown });
  return out;
}

/** Fills in a schema's defaults; a null that the schema does not allow counts as absent. */
export function applyDefaults(schema: Json, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = recordOf(schema["items"]);
    return value.map((item) => applyDefaults(items, item));
  }
  if (!isRecord(value)) return value;
  const out: Json = { ...value };
  const properties = recordOf(schema["properties"]);
  for (const [key, part] of Object.entries(properties)) {
    const field = recordOf(part);
    if (out[key] === null && field["nullable"] !== true) delete out[key];
    if (out[key] === undefined && "default" in field) out[key] = structuredClone(field["default"]);
  }
  for (const [key, part] of Object.entries(out))
    out[key] = applyDefaults(recordOf(properties[key] ?? schema["additionalProperties"]), part);
  return out;
}
