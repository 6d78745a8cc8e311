import type { ManagedFields } from "../api/meta.ts";

/**
 * Returns the managedFields that make everything of `spec` that others once wrote ours by server-side apply, so that the next
 * apply drops what it does not name (v1.3's volumes, mounts and variables). undefined when `manager` has applied already.
 */
export function takeoverFields(
  stored: readonly ManagedFields[],
  manager: string,
): ManagedFields[] | undefined {
  const applied = (entry: ManagedFields) =>
    entry.manager === manager && entry.operation === "Apply" && !entry.subresource;
  if (stored.some(applied)) return undefined;
  const written = stored.filter((entry) => !entry.subresource && entry.fieldsV1?.["f:spec"]);
  const [first] = written;
  if (!first) return undefined;
  const fieldsV1 = written
    .map((entry) => entry.fieldsV1 ?? {})
    .reduce((all, fields) => union(all, fields));
  const ours = { ...first, manager, operation: "Apply", fieldsV1 };
  return [...stored.filter((entry) => !written.includes(entry)), ours];
}

/** FieldsV1 is a trie of keys: the union of two sets is the union of their branches. */
function union(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const both: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const mine = both[key];
    both[key] = isBranch(mine) && isBranch(value) ? union(mine, value) : value;
  }
  return both;
}

function isBranch(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
