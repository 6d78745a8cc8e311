import type { MultiNicNetwork } from "../api/kinds.ts";
import { codeOf, explain, Failure } from "../errors.ts";
import type { Kinds } from "../kube/kube.ts";
import type { OptionalStore } from "../kube/optional.ts";
import { type GeneratedPlan, planGenerated } from "../plan/generated.ts";
import type { Deps } from "./deps.ts";

/** Kinds of another operator that we write. */
type Kind = "SriovNetwork" | "SriovNetworkNodePolicy";

/** Name and namespace of a generated object. */
interface Place {
  readonly name: string;
  readonly namespace: string;
}

/** Answers that another try does not mend: a person does. */
const final = new Set(["Invalid", "Forbidden", "NotFound", "BadRequest"]);

/**
 * Writes what is planned for an object of another operator's kind. Returns what a person has to mend, in his words; what
 * passes by itself is thrown.
 */
export async function applyGenerated<K extends Kind>(
  kind: K,
  { plan, at }: { readonly plan: GeneratedPlan<Kinds[K]>; readonly at: Place },
  deps: Deps,
): Promise<string[]> {
  const { name, namespace } = at;
  if (plan.isForeign) {
    return [
      `${kind} ${namespace}/${name} exists and is not ours: rename or delete it, or rename the network`,
    ];
  }
  try {
    for (const step of plan.steps) {
      if (step.op === "create") await deps.kube.create(kind, step.object);
      else if (step.op === "patch") await deps.kube.patch(kind, name, step.patch, { namespace });
      else await deps.kube.remove(kind, name, { namespace, uid: step.uid });
      deps.log.info(`${kind}: ${step.op}`, { name });
    }
    return [];
  } catch (error) {
    if (!final.has(codeOf(error) ?? "")) throw error;
    return [explain(error)];
  }
}

/** Removes what a network had generated; throws while that cannot be known, where the network may have had some. */
export async function removeGenerated<K extends Kind>(
  kind: K,
  of: {
    readonly copy: OptionalStore<Kinds[K]>;
    readonly network: MultiNicNetwork;
    readonly at: Place;
  },
  deps: Deps,
): Promise<void> {
  const { copy, network, at } = of;
  if (copy.installed === undefined && network.spec.plugin.type === "sriov") {
    throw new Failure(`Cannot read ${kind} objects: ${copy.trouble ?? "not yet"}`);
  }
  const plan = planGenerated<Kinds[K]>(undefined, copy.get(at.name, at.namespace), []);
  const mends = await applyGenerated(kind, { plan, at }, deps);
  if (mends.length > 0) throw new Failure(mends.join("; "));
}
