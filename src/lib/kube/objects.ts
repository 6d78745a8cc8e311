import { Failure } from "../errors.ts";
import { isRecord } from "./answer.ts";
import type { KindName, Kinds } from "./kube.ts";
import { apiVersionOf } from "./resources.ts";

/**
 * Takes an object out of an answer: it must be of the kind asked for and carry a name (that name, if given).
 * Anything else is no usable answer: code `Unavailable`. Fields are not judged here; stored objects may hold anything.
 */
export function objectOf<K extends KindName>(
  kind: K,
  value: unknown,
  { doing, name }: { doing: string; name?: string },
): Kinds[K] {
  if (!isObject(kind, value) || (name !== undefined && value.metadata.name !== name)) {
    const got = isRecord(value)
      ? `a ${String(value["kind"] ?? "nameless kind")}`
      : "no JSON object";
    throw new Failure(`${doing}: the answer holds ${got}, not ${kind}${name ? ` ${name}` : ""}`, {
      code: "Unavailable",
    });
  }
  return value;
}

/** Takes an item out of a list: built-in types leave kind and apiVersion to the list, so they are put in. */
export function itemOf<K extends KindName>(
  kind: K,
  value: unknown,
  at: { doing: string },
): Kinds[K] {
  const whole = isRecord(value) ? { apiVersion: apiVersionOf(kind), kind, ...value } : value;
  return objectOf(kind, whole, at);
}

function isObject<K extends KindName>(kind: K, value: unknown): value is Kinds[K] {
  if (!isRecord(value) || value["kind"] !== kind || !isRecord(value["metadata"])) return false;
  const { name } = value["metadata"];
  return typeof name === "string" && name !== "";
}
