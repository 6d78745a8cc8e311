import type { Strictness } from "../api/check.ts";
import type { KubeObject, Unreadable } from "../api/meta.ts";
import { InvalidInput } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Store } from "./kube.ts";

/** A copy that hands out only objects that can be read, so that a bad one concerns nobody but itself. */
export interface ReadableStore<T extends KubeObject> extends Store<T> {
  /** Every object as it is stored: only its metadata may be relied on. */
  readonly stored: Store<KubeObject>;
  unreadable(): Unreadable[];
}

/** What can be used of a stored object, and why not all of it. */
export interface Read<T> {
  readonly object: T | undefined;
  readonly problem?: string;
}

/**
 * Makes a copy's readable view. A status that cannot be read counts as not written yet; for anything else `standIn` may give
 * an object to go on with, else it is left out. Each bad version is logged once.
 */
export function readable<T extends KubeObject>(
  stored: Store<T>,
  parse: (value: T, strictness: Strictness) => unknown,
  options: { readonly log: Log; readonly standIn?: (object: T) => T },
): ReadableStore<T> {
  const known = new WeakMap<T, Read<T>>();
  const judge = (object: T): Read<T> => {
    const found = readStored(object, (value) => parse(value, "tolerant"), options.standIn);
    if (found.problem !== undefined) options.log.warn(`${found.problem}: mend or delete it`);
    return found;
  };
  const read = (object: T): Read<T> => {
    const found = known.get(object) ?? judge(object);
    known.set(object, found);
    return found;
  };
  const seen = (object: T | undefined) => object && read(object).object;
  return {
    stored,
    get synced() {
      return stored.synced;
    },
    get: (name, namespace) => seen(stored.get(name, namespace)),
    list: () => stored.list().flatMap((object) => seen(object) ?? []),
    unreadable: () =>
      stored.list().flatMap((object) => {
        const { problem } = read(object);
        return problem === undefined ? [] : [{ object, problem }];
      }),
    onChange: (listener) => stored.onChange((before, after) => listener(seen(before), seen(after))),
    ready: (signal) => stored.ready(signal),
  };
}

/**
 * Reads a stored object by `parse`, which throws InvalidInput. A status that cannot be read is left out; of anything else
 * there is the problem, and what `standIn` makes of the object.
 */
export function readStored<T extends KubeObject>(
  object: T,
  parse: (object: T) => unknown,
  standIn?: (object: T) => T,
): Read<T> {
  const problem = problemIn(object, parse);
  if (problem === undefined) return { object };
  const bare: T = { ...object, status: undefined };
  if (problemIn(bare, parse) === undefined) return { object: bare };
  const other = standIn?.(object);
  if (other === undefined) return { object: undefined, problem };
  const usable = problemIn(other, parse) === undefined;
  return { object: usable ? other : { ...other, status: undefined }, problem };
}

function problemIn<T extends KubeObject>(
  object: T,
  parse: (object: T) => unknown,
): string | undefined {
  try {
    parse(object);
    return undefined;
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const { faults } = error;
    const some = faults.slice(0, 3).map((fault) => `${fault.path}: ${fault.problem}`);
    const more = faults.length > 3 ? `; and ${faults.length - 3} more` : "";
    const { kind, metadata } = object;
    return `${kind} ${metadata.name} cannot be used: ${some.join("; ")}${more}`;
  }
}
