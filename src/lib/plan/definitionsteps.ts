import type { MultiNicNetwork, NetworkAttachmentDefinition } from "../api/kinds.ts";
import { generatedLabel, type OwnerReference } from "../api/meta.ts";
import {
  type DefinitionSources,
  definition,
  ownerOf,
  resourceNameAnnotation,
  sortKeys,
} from "./definition.ts";

export type DefinitionStep =
  | { readonly do: "create"; readonly definition: NetworkAttachmentDefinition }
  /** `definition` is the whole object with its resourceVersion; `changed` says what for the log. */
  | {
      readonly do: "update";
      readonly definition: NetworkAttachmentDefinition;
      readonly changed: readonly string[];
    }
  | {
      readonly do: "delete";
      readonly name: string;
      readonly namespace: string;
      readonly uid: string | undefined;
    };

export interface DefinitionPlan {
  readonly steps: readonly DefinitionStep[];
  /** Namespaces where somebody else's definition has the network's name: left alone. */
  readonly foreign: readonly string[];
}

/** A namespace, as far as the choice needs it. */
export interface NamespaceLike {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string | undefined };
  readonly status?: { readonly phase?: string | undefined } | undefined;
}

/** Returns the active namespaces that want a network's definition, sorted: those it lists, or all when it lists none. */
export function wantedNamespaces(
  network: MultiNicNetwork,
  namespaces: readonly NamespaceLike[],
): string[] {
  const listed = network.spec.namespaces ?? [];
  return namespaces
    .filter(({ metadata, status }) => {
      if (metadata.deletionTimestamp !== undefined || status?.phase === "Terminating") return false;
      return listed.length === 0 || listed.includes(metadata.name);
    })
    .map(({ metadata }) => metadata.name)
    .sort();
}

/**
 * Plans what brings a network's definitions in line, metadata too. `existing`: the definitions of its name in every
 * namespace. With no namespaces wanted nothing is defined, so a network that cannot be defined can still be cleaned up.
 */
export function planDefinitions(
  network: MultiNicNetwork,
  seen: DefinitionSources & {
    readonly namespaces: readonly string[];
    readonly existing: readonly NetworkAttachmentDefinition[];
  },
): DefinitionPlan {
  const steps: DefinitionStep[] = [];
  const foreign: string[] = [];
  const there = new Map(
    seen.existing
      .filter((one) => one.metadata.name === network.metadata.name)
      .map((one) => [one.metadata.namespace ?? "", one]),
  );
  for (const namespace of seen.namespaces) {
    const wanted = definition(network, namespace, seen);
    const now = there.get(namespace);
    there.delete(namespace);
    if (now === undefined) steps.push({ do: "create", definition: wanted });
    else if (!isGenerated(now) && !isOwned(now, network)) foreign.push(namespace);
    else if (now.metadata.deletionTimestamp === undefined) steps.push(...repair(now, wanted));
  }
  for (const [namespace, now] of there) {
    const { name, uid, deletionTimestamp } = now.metadata;
    if (deletionTimestamp !== undefined || !isGenerated(now) || !isOwned(now, network)) continue;
    steps.push({ do: "delete", name, namespace, uid });
  }
  return { steps, foreign };
}

function isGenerated(one: NetworkAttachmentDefinition): boolean {
  return one.metadata.labels?.[generatedLabel] === "true";
}

/** By name, not uid: a network made anew takes over what the old one left. */
function isOwned(one: NetworkAttachmentDefinition, network: MultiNicNetwork): boolean {
  return (one.metadata.ownerReferences ?? []).some((owner) => refersTo(owner, ownerOf(network)));
}

function refersTo(owner: OwnerReference, wanted: OwnerReference): boolean {
  return owner.kind === wanted.kind && owner.name === wanted.name;
}

/** Returns the update that gives `now` what is ours in `wanted` and keeps what others added, or nothing. */
function repair(
  now: NetworkAttachmentDefinition,
  wanted: NetworkAttachmentDefinition,
): DefinitionStep[] {
  const changed: string[] = [];
  const labels = { ...now.metadata.labels, ...wanted.metadata.labels };
  if (!same(labels, now.metadata.labels ?? {})) changed.push("labels");

  const annotations = { ...now.metadata.annotations, ...wanted.metadata.annotations };
  if (wanted.metadata.annotations === undefined) delete annotations[resourceNameAnnotation];
  if (!same(annotations, now.metadata.annotations ?? {})) changed.push("annotations");

  const ours = wanted.metadata.ownerReferences ?? [];
  const owners = now.metadata.ownerReferences ?? [];
  const others = owners
    .filter((owner) => !ours.some((our) => refersTo(owner, our)))
    // An object has one controller: the network.
    .map((owner) => (owner.controller ? { ...owner, controller: false } : owner));
  const ownerReferences = [...others, ...ours];
  if (!same(ownerReferences, owners)) changed.push("ownerReferences");

  if (!sameConfig(now.spec.config, wanted.spec.config)) changed.push("config");
  if (changed.length === 0) return [];
  const metadata = { ...now.metadata, labels, annotations, ownerReferences };
  return [{ do: "update", definition: { ...now, metadata, spec: wanted.spec }, changed }];
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sortKeys(a)) === JSON.stringify(sortKeys(b));
}

/** Compares by meaning: another order of keys is no reason to write. */
function sameConfig(now: string, wanted: string): boolean {
  if (now === wanted) return true;
  try {
    return same(JSON.parse(now), JSON.parse(wanted));
  } catch {
    return false;
  }
}
