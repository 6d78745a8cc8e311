import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Use } from "./audit.ts";

/** One verb on one resource that a service account may use. */
export interface Grant {
  readonly account: string;
  readonly verb: string;
  readonly resource: string;
  readonly group: string;
  /** Undefined = in the whole cluster. */
  readonly namespace: string | undefined;
}

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly name: string }[];
}

const folder = join(import.meta.dir, "../../manifests/rbac");

/** Reads what manifests/rbac grants to each service account. */
export function grantsInManifests(): Grant[] {
  const objects: Role[] = readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), "utf8")))
    .map((document) => document.toJS());
  return objects
    .filter((one) => one.kind.endsWith("RoleBinding"))
    .flatMap((binding) => {
      const role = objects.find(
        (one) => one.kind === binding.roleRef?.kind && one.metadata.name === binding.roleRef.name,
      );
      if (!role) throw new Error(`${binding.metadata.name} binds no role of manifests/rbac`);
      return (binding.subjects ?? []).flatMap((subject) => grantsOf(role, subject.name, binding));
    });
}

function grantsOf(role: Role, account: string, binding: Role): Grant[] {
  const { namespace } = binding.metadata;
  return (role.rules ?? []).flatMap((rule) =>
    rule.apiGroups.flatMap((group) =>
      rule.resources.flatMap((resource) =>
        rule.verbs.map((verb) => ({ account, verb, resource, group, namespace })),
      ),
    ),
  );
}

/** Says it as a person does: `operator: patch cidrs.multinic.fms.io`. */
export function say({ account, verb, resource, group, namespace }: Grant): string {
  const what = group ? `${resource}.${group}` : resource;
  return `${account}: ${verb} ${what}${namespace ? ` in ${namespace}` : ""}`;
}

/**
 * Compares what is granted with what was used. A right in one namespace covers a use there before one in the whole cluster
 * does. A server that has just started refuses everybody until it has read the roles: a right that it allowed at another
 * time was not refused.
 */
export function compare(grants: readonly Grant[], uses: readonly Use[]) {
  const used = new Set<Grant>();
  const refused = new Set<string>();
  const allowed = new Set(uses.filter((use) => use.allowed).map(say));
  for (const use of uses) {
    const fitting = grants.filter(
      (grant) =>
        grant.account === use.account &&
        grant.verb === use.verb &&
        grant.resource === use.resource &&
        grant.group === use.group &&
        (grant.namespace === undefined || grant.namespace === use.namespace),
    );
    const closest = fitting.find((grant) => grant.namespace !== undefined) ?? fitting[0];
    if (closest) used.add(closest);
    if (!closest || !allowed.has(say(use))) refused.add(say(use));
  }
  return { unused: grants.filter((grant) => !used.has(grant)).map(say), refused: [...refused] };
}
