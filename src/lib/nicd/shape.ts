import type { Fault } from "../errors.ts";
import { parsePrefix } from "../ip.ts";

/** Adds what is wrong with a value to `faults`, with paths that begin at the value (`.hosts[1].podCIDR`). */
export type Shape = (value: unknown, faults: Fault[]) => void;

// The few shapes that nicd needs, by hand: the schema library costs more memory than the daemon may have.
export const text: Shape = typed("string", "a text");
export const number: Shape = typed("number", "a number");
export const flag: Shape = typed("boolean", "true or false");

/** A CIDR, or "" for none. */
export const block: Shape = (value, faults) => {
  const isBlock = value === "" || (typeof value === "string" && parsePrefix(value) !== undefined);
  if (!isBlock) faults.push(fault(value, "a CIDR"));
};

/** Makes the shape of a text that is one of `values`. */
export function oneOf(values: readonly string[]): Shape {
  const expected = `one of ${values.map((value) => JSON.stringify(value)).join(", ")}`;
  return (value, faults) => {
    if (typeof value !== "string" || !values.includes(value)) faults.push(fault(value, expected));
  };
}

/** Makes the shape of a list. */
export function list(of: Shape): Shape {
  return (value, faults) => {
    if (!Array.isArray(value)) {
      faults.push(fault(value, "a list"));
      return;
    }
    for (const [i, one] of value.entries()) {
      const from = faults.length;
      of(one, faults);
      if (faults.length > from) prefix(faults, from, `[${i}]`);
    }
  };
}

/** Makes the shape of an object whose keys are anybody's. */
export function map(of: Shape): Shape {
  return (value, faults) => {
    if (!isFields(value)) faults.push(fault(value, "an object"));
    else for (const key of Object.keys(value)) field(key, of, { of: value, faults });
  };
}

/** Makes the shape of an object; `optional` fields may be missing, and others that it has are nobody's business. */
export function fields(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  const wanted = Object.entries(required);
  const allowed = Object.entries(optional);
  return (value, faults) => {
    if (!isFields(value)) {
      faults.push(fault(value, "an object"));
      return;
    }
    for (const [key, shape] of wanted) field(key, shape, { of: value, faults });
    for (const [key, shape] of allowed)
      if (Reflect.get(value, key) !== undefined) field(key, shape, { of: value, faults });
  };
}

/** Checks one field of an object; paths are made only of what is wrong. */
export function field(
  key: string,
  shape: Shape | undefined,
  at: { readonly of: object; readonly faults: Fault[] },
): void {
  const { of, faults } = at;
  const from = faults.length;
  shape?.(Reflect.get(of, key), faults);
  if (faults.length > from) prefix(faults, from, `.${key}`);
}

function prefix(faults: Fault[], from: number, step: string): void {
  for (const [i, { path, problem }] of faults.entries())
    if (i >= from) faults[i] = { path: `${step}${path}`, problem };
}

function typed(type: "string" | "number" | "boolean", expected: string): Shape {
  return (value, faults) => {
    if (typeof value !== type) faults.push(fault(value, expected));
  };
}

function fault(value: unknown, expected: string): Fault {
  const problem =
    value === undefined
      ? `missing: ${expected} is required`
      : `is ${shown(value)}: ${expected} is expected`;
  return { path: "", problem };
}

function isFields(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? `${json.slice(0, 57)}...` : json;
}
