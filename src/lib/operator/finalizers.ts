import type { KubeObject } from "../api/meta.ts";
import { codeOf } from "../errors.ts";
import type { KindName, Kube } from "../kube/kube.ts";

export const networkFinalizer = "finalizers.multinicnetwork.multinic.fms.io";
export const configFinalizer = "finalizers.config.multinic.fms.io";

/** Finalizers that v1.3.1 put on generated objects and that nobody would ever remove. */
const abandoned = new Set([
  "finalizers.cidr.multinic.fms.io",
  "finalizers.ippool.multinic.fms.io",
  "finalizers.hostinterface.multinic.fms.io",
]);

/** Tells whether an object carries a finalizer that v1.3.1 left behind. */
export function hasAbandoned(object: KubeObject): boolean {
  return (object.metadata.finalizers ?? []).some((f) => abandoned.has(f));
}

/** Takes v1.3.1's finalizers off an object. */
export async function stripAbandoned(
  kube: Kube,
  kind: KindName,
  object: KubeObject,
): Promise<void> {
  const finalizers = (object.metadata.finalizers ?? []).filter((f) => !abandoned.has(f));
  await write(kube, kind, { object, finalizers });
}

/**
 * Puts a finalizer on an object that lacks it. Returns whether it has it now; false = the object is gone, and what is made for
 * it from here on nobody would ever remove.
 */
export async function addFinalizer(
  kube: Kube,
  kind: KindName,
  to: { object: KubeObject; finalizer: string },
): Promise<boolean> {
  const has = to.object.metadata.finalizers ?? [];
  if (has.includes(to.finalizer)) return true;
  return write(kube, kind, { object: to.object, finalizers: [...has, to.finalizer] });
}

/** Takes a finalizer off: the last step of a deletion, after cleanup has succeeded. */
export async function dropFinalizer(
  kube: Kube,
  kind: KindName,
  of: { object: KubeObject; finalizer: string },
): Promise<void> {
  const has = of.object.metadata.finalizers ?? [];
  if (!has.includes(of.finalizer)) return;
  await write(kube, kind, { object: of.object, finalizers: has.filter((f) => f !== of.finalizer) });
}

/**
 * The resourceVersion goes along: a list of finalizers is replaced whole, so nobody else's may be lost. Returns whether the
 * object is there.
 */
async function write(
  kube: Kube,
  kind: KindName,
  to: { object: KubeObject; finalizers: string[] },
): Promise<boolean> {
  const { name, resourceVersion } = to.object.metadata;
  try {
    await kube.patch(kind, name, { metadata: { resourceVersion, finalizers: to.finalizers } });
    return true;
  } catch (error) {
    if (codeOf(error) !== "NotFound") throw error;
    return false;
  }
}
