import { completeCrd } from "./api-crd.ts";
import { type ApiObject, type Json, recordOf } from "./api-object.ts";
import { applyDefaults, prune } from "./api-prune.ts";
import type { ApiResource } from "./api-resource.ts";
import { badRequest, type Cause } from "./api-status.ts";
import { schemaFaults } from "./api-validate.ts";

export interface Admission {
  readonly fieldValidation: "Ignore" | "Warn" | "Strict";
  readonly warnings: string[];
  readonly time: string;
}

/** Brings a new object into the form that is stored: without unknown fields, with defaults and what the server sets. */
export function admitNew(resource: ApiResource, object: ApiObject, how: Admission): ApiObject {
  if (!resource.custom) return builtin(resource, object, how);
  const body = pruned(resource, object, how);
  if (resource.hasStatus) delete body["status"];
  return defaulted(resource, body);
}

/** The same for a changed object. */
export function admitUpdate(resource: ApiResource, object: ApiObject, how: Admission): ApiObject {
  if (resource.kind === "CustomResourceDefinition") return completeCrd(object, how.time);
  if (!resource.custom) return object;
  return defaulted(resource, pruned(resource, object, how));
}

/** Returns what an object's schema has against it. */
export function admissionFaults(resource: ApiResource, object: ApiObject): Cause[] {
  return resource.custom ? schemaFaults(resource.schema, object) : [];
}

function pruned(resource: ApiResource, object: ApiObject, how: Admission): ApiObject {
  const { value, unknown } = prune(resource.schema, object);
  if (unknown.length > 0 && how.fieldValidation === "Strict")
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: strict decoding error: ${unknown
        .map((path) => `unknown field "${path}"`)
        .join(", ")}`,
    );
  if (how.fieldValidation === "Warn")
    how.warnings.push(...unknown.map((path) => `unknown field "${path}"`));
  return joined(object, value);
}

function defaulted(resource: ApiResource, object: ApiObject): ApiObject {
  return joined(object, recordOf(applyDefaults(resource.schema, object)));
}

function joined({ apiVersion, kind, metadata }: ApiObject, body: Json): ApiObject {
  return { ...body, apiVersion, kind, metadata };
}

/** What kubectl's describe counts on (apps/v1 defaults). */
const deploymentDefaults: Json = {
  replicas: 1,
  strategy: {
    type: "RollingUpdate",
    rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" },
  },
  revisionHistoryLimit: 10,
  progressDeadlineSeconds: 600,
};
const daemonSetDefaults: Json = {
  updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
  revisionHistoryLimit: 10,
};

function builtin(resource: ApiResource, object: ApiObject, how: Admission): ApiObject {
  switch (resource.kind) {
    case "Namespace": {
      const name = object.metadata.name ?? "";
      const labels = { ...object.metadata.labels, "kubernetes.io/metadata.name": name };
      return {
        ...object,
        metadata: { ...object.metadata, labels },
        spec: { finalizers: ["kubernetes"] },
        status: { phase: "Active" },
      };
    }
    case "CustomResourceDefinition":
      return completeCrd({ ...object, status: {} }, how.time);
    case "Pod":
      return { ...object, status: { phase: "Pending", qosClass: "BestEffort" } };
    case "Deployment":
    case "DaemonSet": {
      const defaults = resource.kind === "Deployment" ? deploymentDefaults : daemonSetDefaults;
      return { ...object, spec: { ...defaults, ...recordOf(object["spec"]) }, status: {} };
    }
    default:
      return object;
  }
}
