/** Tells whether two JSON values say the same; the order of keys does not count, and undefined is absent. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => same(item, b[i]));
  }
  for (const key in a) if (!same(Reflect.get(a, key), Reflect.get(b, key))) return false;
  for (const key in b) {
    if (Reflect.get(b, key) !== undefined && Reflect.get(a, key) === undefined) return false;
  }
  return true;
}
