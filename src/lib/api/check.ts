import type * as z from "zod";
import { type Fault, InvalidInput } from "../errors.ts";

/**
 * How much is a fault: `strict` everything, for what a user hands to our own verbs; `tolerant` only a wrong type,
 * for stored objects, whose unknown fields and values never block an update.
 */
export type Strictness = "strict" | "tolerant";

/** Asserts that a value has a schema's shape, and leaves it as it is; throws InvalidInput with every fault. */
export function check<S extends z.ZodType>(
  schema: S,
  value: unknown,
  options: { what: string; strictness?: Strictness; at?: readonly PropertyKey[] },
): asserts value is z.infer<S> {
  const faults = faultsOf(schema, value, options);
  if (faults.length > 0) throw new InvalidInput(options.what, faults);
}

/** Returns every fault of a value, with field paths (`spec.masterNets[1]`). */
export function faultsOf(
  schema: z.ZodType,
  value: unknown,
  options: { strictness?: Strictness; at?: readonly PropertyKey[] } = {},
): Fault[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  const tolerant = options.strictness === "tolerant";
  return result.error.issues
    .filter((issue) => !tolerant || issue.code === "invalid_type")
    .flatMap((issue) => faults(issue, value, options.at ?? []));
}

/** Writes a path as users know it: `spec.masterNets[1]`, `spec.plugin.args.mode`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  let out = "";
  for (const key of path) {
    if (typeof key === "number") out += `[${key}]`;
    else out += out === "" ? String(key) : `.${String(key)}`;
  }
  return out;
}

function faults(issue: z.core.$ZodIssue, root: unknown, at: readonly PropertyKey[]): Fault[] {
  const path = [...at, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: fieldPath([...path, key]),
        problem: "unknown field: check its spelling, or leave it out",
      }));
    case "invalid_type": {
      const value = valueAt(root, issue.path);
      const problem =
        value === undefined
          ? `missing: ${expected(issue.expected)} is required`
          : `is ${shown(value)}: ${expected(issue.expected)} is expected`;
      return [{ path: fieldPath(path), problem }];
    }
    case "invalid_value":
      return [
        {
          path: fieldPath(path),
          problem: `is ${shown(valueAt(root, issue.path))}: write ${issue.values.map((v) => JSON.stringify(v)).join(" or ")}`,
        },
      ];
    case "too_big":
      return [{ path: fieldPath(path), problem: bound(issue.origin, "most", issue.maximum) }];
    case "too_small":
      return [{ path: fieldPath(path), problem: bound(issue.origin, "least", issue.minimum) }];
    default:
      return [{ path: fieldPath(path), problem: issue.message }];
  }
}

function bound(origin: string, side: "most" | "least", limit: number | bigint): string {
  if (origin === "string") return `must have at ${side} ${limit} characters`;
  if (origin === "array") return `must have at ${side} ${limit} items`;
  return `must be at ${side} ${limit}`;
}

function expected(type: string): string {
  const names: Record<string, string> = {
    string: "a text",
    number: "a number",
    int: "a whole number",
    boolean: "true or false",
    object: "an object",
    record: "an object",
    array: "a list",
  };
  return names[type] ?? type;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let at = root;
  for (const key of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
