import { type ApiObject, isRecord, textOf } from "./api-object.ts";
import type { ApiResource } from "./api-resource.ts";
import { badRequest } from "./api-status.ts";

export type Matcher = (object: ApiObject) => boolean;

/** Makes a matcher of a label selector and a field selector of a list or watch; a bad one throws 400. */
export function matcher(
  resource: ApiResource,
  selectors: { labelSelector: string; fieldSelector: string },
): Matcher {
  const labels = splitTerms(selectors.labelSelector).map(labelTerm);
  const fields = splitTerms(selectors.fieldSelector).map((term) => fieldTerm(resource, term));
  return (object) => labels.every((t) => t(object)) && fields.every((t) => t(object));
}

/** Splits at commas that are not inside parentheses: `a in (b,c),d`. */
function splitTerms(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((t) => t.trim())
    .filter((t) => t !== "");
}

const setTerm = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/;
const equalTerm = /^([^=!<>\s]+)\s*(==|=|!=)\s*([^=!<>\s]*)$/;
const existsTerm = /^(!?)\s*([A-Za-z0-9][\w./-]*)$/;

function labelTerm(term: string): Matcher {
  const labelOf = (object: ApiObject, key: string) => object.metadata.labels?.[key];
  const set = setTerm.exec(term);
  if (set) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((v) => v.trim());
    return (object) => {
      const value = labelOf(object, key);
      const isIn = value !== undefined && values.includes(value);
      return operator === "in" ? isIn : !isIn;
    };
  }
  const equal = equalTerm.exec(term);
  if (equal) {
    const [, key = "", operator, value] = equal;
    return (object) => (labelOf(object, key) === value) !== (operator === "!=");
  }
  const exists = existsTerm.exec(term);
  if (!exists) throw badRequest(`unable to parse requirement: ${term}`);
  const [, not, key = ""] = exists;
  return (object) => (labelOf(object, key) !== undefined) === (not === "");
}

/** Field selectors beside metadata.name and metadata.namespace, by `group/plural` (registry strategies). */
const selectable: Record<string, readonly string[]> = {
  "/pods": [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
  ],
  "/nodes": ["spec.unschedulable"],
  "/namespaces": ["status.phase"],
  "/secrets": ["type"],
  "/services": ["spec.clusterIP", "spec.type"],
  "/events": [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
  ],
};

function fieldTerm(resource: ApiResource, term: string): Matcher {
  const found = /^([^=!]+)(==|=|!=)(.*)$/.exec(term);
  if (!found) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
  const [, field = "", operator, value] = found;
  const known = [
    "metadata.name",
    ...(resource.namespaced || !resource.custom ? ["metadata.namespace"] : []),
    ...(selectable[`${resource.group}/${resource.plural}`] ?? []),
    ...resource.selectableFields,
  ];
  if (!known.includes(field))
    throw badRequest(
      resource.custom
        ? `field label not supported: ${field}`
        : `field label not supported: ${field}`,
    );
  return (object) => (fieldText(object, field) === value) !== (operator === "!=");
}

function fieldText(object: ApiObject, path: string): string {
  let at: unknown = object;
  for (const key of path.split(".")) at = isRecord(at) ? at[key] : undefined;
  return typeof at === "boolean" || typeof at === "number" ? String(at) : textOf(at);
}
