import { isRecord, sameJson } from "./api-object.ts";

/** Finds what a printer column's JSONPath names: fields, ['quoted'], [n], [*] and [?(@.a=="b")]. */
export function jsonPath(path: string, value: unknown): unknown[] {
  let found: unknown[] = [value];
  for (const step of stepsOf(path)) found = found.flatMap((at) => follow(step, at));
  return found.filter((at) => at !== undefined && at !== null);
}

type Step =
  | { readonly field: string }
  | { readonly index: number }
  | { readonly all: true }
  | { readonly where: string; readonly equals: unknown };

const pattern =
  /\.((?:[^.[\]\\]|\\.)+)|\['([^']*)'\]|\[(-?\d+)\]|(\[\*\])|\[\?\(@\.([^=)]+?)\s*==\s*("[^"]*"|'[^']*'|[^)]+)\)\]/g;

function stepsOf(path: string): Step[] {
  return [...path.matchAll(pattern)].map(
    ([, field, quoted, index, all, where, equals = ""]): Step => {
      if (all !== undefined || field === "*") return { all: true };
      if (index !== undefined) return { index: Number(index) };
      if (where !== undefined) return { where, equals: literal(equals.trim()) };
      return { field: (field ?? quoted ?? "").replaceAll("\\", "") };
    },
  );
}

function literal(text: string): unknown {
  if (/^['"]/.test(text)) return text.slice(1, -1);
  if (text === "true" || text === "false") return text === "true";
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function follow(step: Step, at: unknown): unknown[] {
  if ("field" in step) return isRecord(at) ? [at[step.field]] : [];
  if ("all" in step) return Array.isArray(at) ? at : isRecord(at) ? Object.values(at) : [];
  if (!Array.isArray(at)) return [];
  if ("index" in step) return [at.at(step.index)];
  return at.filter((item) => sameJson(jsonPath(`.${step.where}`, item)[0], step.equals));
}
