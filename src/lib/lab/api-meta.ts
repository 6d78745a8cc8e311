import type { ApiMeta, ApiObject } from "./api-object.ts";
import type { ApiResource } from "./api-resource.ts";
import { badRequest, type Cause, conflict, staleWrite } from "./api-status.ts";

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const labelValueRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const labelNameRule =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** Checks name, labels, owners and finalizers as apimachinery's ValidateObjectMeta does. */
export function metaFaults(resource: ApiResource, meta: ApiMeta): Cause[] {
  const faults: Cause[] = [];
  const bad = (field: string, value: unknown, why: string) =>
    faults.push({
      reason: "FieldValueInvalid",
      message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
      field,
    });
  const name = meta.name ?? "";
  if (name === "")
    faults.push({
      reason: "FieldValueRequired",
      message: "Required value: name or generateName is required",
      field: "metadata.name",
    });
  else if (resource.group === "rbac.authorization.k8s.io") {
    if (/[/%]/.test(name) || name === "." || name === "..")
      bad("metadata.name", name, "may not contain '/' or '%'");
  } else if (resource.group === "" && ["namespaces", "services"].includes(resource.plural)) {
    if (!label.test(name)) bad("metadata.name", name, labelRule);
    if (name.length > 63) bad("metadata.name", name, "must be no more than 63 characters");
  } else {
    if (!subdomain.test(name)) bad("metadata.name", name, subdomainRule);
    if (name.length > 253) bad("metadata.name", name, "must be no more than 253 characters");
  }
  for (const [key, value] of Object.entries(meta.labels ?? {})) {
    if (!qualifiedKey(key)) bad("metadata.labels", key, labelNameRule);
    if (value.length > 63) bad("metadata.labels", value, "must be no more than 63 characters");
    if (!labelValue.test(value)) bad("metadata.labels", value, labelValueRule);
  }
  for (const key of Object.keys(meta.annotations ?? {}))
    if (!qualifiedKey(key.toLowerCase())) bad("metadata.annotations", key, labelNameRule);
  for (const [i, owner] of (meta.ownerReferences ?? []).entries())
    for (const field of ["apiVersion", "kind", "name", "uid"])
      if (!owner[field]) bad(`metadata.ownerReferences[${i}].${field}`, "", "must not be empty");
  return faults;
}

function qualifiedKey(key: string): boolean {
  const at = key.indexOf("/");
  const name = key.slice(at + 1);
  return (at < 0 || subdomain.test(key.slice(0, at))) && name.length <= 63 && labelName.test(name);
}

/** Fills in what the server alone decides about a new object. */
export function metaOfNew(
  body: ApiMeta,
  given: { namespace: string | undefined; now: string; generation: boolean },
): ApiMeta {
  const { generateName, ...rest } = body;
  for (const own of ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] as const)
    delete rest[own];
  const made = body.name || (generateName ? `${generateName.slice(0, 58)}${suffix()}` : undefined);
  delete rest.generation;
  return {
    ...rest,
    ...(made === undefined ? {} : { name: made }),
    ...(generateName ? { generateName } : {}),
    ...(given.namespace === undefined ? {} : { namespace: given.namespace }),
    uid: crypto.randomUUID(),
    creationTimestamp: given.now,
    ...(given.generation ? { generation: 1 } : {}),
  };
}

/** Five characters that spell no word, as the reference appends to generateName. */
function suffix(): string {
  const letters = "bcdfghjklmnpqrstvwxz2456789";
  return [...crypto.getRandomValues(new Uint8Array(5))]
    .map((byte) => letters[byte % letters.length])
    .join("");
}

/** Fields of an update that the server takes from the stored object. */
const kept = [
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
] as const;

/** Joins the metadata of an update with what only the server may change. */
export function metaOfUpdate(current: ApiMeta, next: ApiMeta): ApiMeta {
  const meta: ApiMeta = { ...next };
  for (const key of kept) {
    if (current[key] === undefined) delete meta[key];
    else Object.assign(meta, { [key]: current[key] });
  }
  delete meta["selfLink"];
  return meta;
}

/** Refuses an update that was made for another version or another object of that name. */
export function checkPreconditions(
  resource: ApiResource,
  current: ApiObject,
  wanted: { uid?: string | undefined; resourceVersion?: string | undefined },
): void {
  const { name = "", uid = "", resourceVersion = "" } = current.metadata;
  if (wanted.uid && wanted.uid !== uid)
    throw conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${uid}`,
    );
  if (wanted.resourceVersion && wanted.resourceVersion !== "0") {
    if (!/^\d+$/.test(wanted.resourceVersion))
      throw badRequest(`invalid resource version "${wanted.resourceVersion}"`);
    if (wanted.resourceVersion !== resourceVersion) throw conflict(resource, name, staleWrite);
  }
}
