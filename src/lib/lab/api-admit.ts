import { completeCrd } from "./api-crd.ts";
import type { ApiObject } from "./api-object.ts";
import type { ApiResource } from "./api-resource.ts";
import type { WriteOptions } from "./api-write.ts";

/** Brings a new object into the form that is stored: defaults, what the server alone sets, faults refused. */
export function admitNew(
  resource: ApiResource,
  write: { object: ApiObject; options: WriteOptions },
): ApiObject {
  const { object, options } = write;
  if (resource.custom) {
    if (!resource.hasStatus) return object;
    const made = { ...object };
    delete made["status"];
    return made;
  }
  return builtin(resource, object, options);
}

/** The same for a changed object. */
export function admitUpdate(
  resource: ApiResource,
  write: { current: ApiObject; object: ApiObject; options: WriteOptions },
): ApiObject {
  const { object, options } = write;
  if (resource.kind === "CustomResourceDefinition") return completeCrd(object, options.time);
  return object;
}

function builtin(resource: ApiResource, object: ApiObject, options: WriteOptions): ApiObject {
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
      return completeCrd({ ...object, status: {} }, options.time);
    case "Pod":
      return { ...object, status: { phase: "Pending", qosClass: "BestEffort" } };
    case "Deployment":
    case "DaemonSet":
      return { ...object, status: {} };
    default:
      return object;
  }
}
