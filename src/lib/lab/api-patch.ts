import { isRecord, type Json, recordOf, sameJson, textOf } from "./api-object.ts";
import { badRequest } from "./api-status.ts";

/** Merges a JSON merge patch (RFC 7386): null removes, objects merge, all else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const out: Json = { ...recordOf(target) };
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete out[key];
    else out[key] = mergePatch(out[key], value);
  return out;
}

/** A JSON patch whose operation cannot be done: the API answers 422 and names it. */
export class PatchFault extends Error {
  override readonly name = "PatchFault";
}

/** Applies a JSON patch (RFC 6902); a malformed one throws 400, one that does not fit a PatchFault. */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch))
    throw badRequest(
      "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch",
    );
  return patch.reduce((document: unknown, step) => {
    const { op, value } = recordOf(step);
    const path = pointer(textOf(recordOf(step)["path"]));
    switch (op) {
      case "add":
        return write(document, path, { value, how: "add" });
      case "remove":
        return write(document, path, { value: undefined, how: "remove" });
      case "replace":
        return write(document, path, { value, how: "replace" });
      case "move": {
        const from = pointer(textOf(recordOf(step)["from"]));
        const moved = read(document, from);
        const rest = write(document, from, { value: undefined, how: "remove" });
        return write(rest, path, { value: moved, how: "add" });
      }
      case "copy": {
        const copied = read(document, pointer(textOf(recordOf(step)["from"])));
        return write(document, path, { value: copied, how: "add" });
      }
      case "test":
        if (!sameJson(readOrNull(document, path), value ?? null))
          throw new PatchFault(`testing value /${path.join("/")} failed: test failed`);
        return document;
      default:
        throw badRequest(`error decoding patch: unexpected kind: ${String(op)}`);
    }
  }, target);
}

function pointer(path: string): string[] {
  return path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function read(document: unknown, path: readonly string[]): unknown {
  let at = document;
  for (const key of path) {
    at = Array.isArray(at) ? at[Number(key)] : recordOf(at)[key];
    if (at === undefined) throw missing(path);
  }
  return at;
}

function readOrNull(document: unknown, path: readonly string[]): unknown {
  let at = document;
  for (const key of path) at = Array.isArray(at) ? at[Number(key)] : recordOf(at)[key];
  return at ?? null;
}

function missing(path: readonly string[]): PatchFault {
  return new PatchFault(`doc is missing path: "/${path.join("/")}": missing value`);
}

interface Edit {
  readonly value: unknown;
  readonly how: "add" | "remove" | "replace";
}

function write(at: unknown, path: readonly string[], edit: Edit): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return edit.value;
  if (Array.isArray(at)) {
    const list: unknown[] = [...at];
    const i = key === "-" ? list.length : Number(key);
    const isThere = Number.isInteger(i) && i >= 0 && i < list.length;
    if (rest.length > 0) {
      if (!isThere) throw missing(path);
      list[i] = write(list[i], rest, edit);
    } else if (edit.how === "add") {
      if (!Number.isInteger(i) || i < 0 || i > list.length)
        throw new PatchFault(`add operation does not apply: index out of bounds: ${key}`);
      list.splice(i, 0, edit.value);
    } else {
      if (!isThere) throw missing(path);
      if (edit.how === "remove") list.splice(i, 1);
      else list[i] = edit.value;
    }
    return list;
  }
  if (!isRecord(at)) throw missing(path);
  if (rest.length > 0) {
    if (at[key] === undefined) throw missing(path);
    return { ...at, [key]: write(at[key], rest, edit) };
  }
  if (edit.how !== "add" && !(key in at)) throw missing(path);
  const out = { ...at };
  if (edit.how === "remove") delete out[key];
  else out[key] = edit.value;
  return out;
}
