import { generatedLabel, type KubeObject } from "../api/meta.ts";
import { same } from "./same.ts";

/** What brings one object of another operator's kind in line, that we generate. */
export type GeneratedStep<T> =
  | { readonly op: "create"; readonly object: T }
  /** A merge patch; it carries the resourceVersion that it was planned from. */
  | { readonly op: "patch"; readonly name: string; readonly patch: unknown }
  | { readonly op: "delete"; readonly name: string; readonly uid: string | undefined };

export interface GeneratedPlan<T> {
  readonly steps: readonly GeneratedStep<T>[];
  /** An object of that name is there that is not ours: left alone. */
  readonly isForeign: boolean;
}

/** Tells whether an object of another operator's kind is one that we, or v1.3.1, generated. */
export function isGenerated(object: KubeObject): boolean {
  return object.metadata.labels?.[generatedLabel] === "true";
}

/**
 * Plans from what is wanted (undefined = nothing) and what is there. Only the `owned` fields of spec are ours: others keep
 * what their users or their operator's defaults put there.
 */
export function planGenerated<T extends KubeObject & { spec: object }>(
  wanted: T | undefined,
  now: T | undefined,
  owned: readonly (keyof T["spec"] & string)[],
): GeneratedPlan<T> {
  const none = { steps: [], isForeign: false };
  if (now === undefined) {
    return wanted ? { steps: [{ op: "create", object: wanted }], isForeign: false } : none;
  }
  if (!isGenerated(now)) return { steps: [], isForeign: wanted !== undefined };
  const { name, uid, resourceVersion, deletionTimestamp } = now.metadata;
  if (deletionTimestamp !== undefined) return none;
  if (wanted === undefined) return { steps: [{ op: "delete", name, uid }], isForeign: false };
  const changed = owned.filter(
    (key) => !same(Reflect.get(now.spec ?? {}, key), Reflect.get(wanted.spec, key)),
  );
  if (changed.length === 0) return none;
  const spec = Object.fromEntries(
    changed.map((key) => [key, Reflect.get(wanted.spec, key) ?? null]),
  );
  return {
    steps: [{ op: "patch", name, patch: { metadata: { resourceVersion }, spec } }],
    isForeign: false,
  };
}
