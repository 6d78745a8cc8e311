import { type ApiObject, isRecord, type Json, listOf, recordOf, textOf } from "./api-object.ts";
import type { ApiResource, ApiResources, Column } from "./api-resource.ts";
import type { ApiStore } from "./api-store.ts";

/** Keeps a deleted definition until its objects are gone. */
export const crdFinalizer = "customresourcecleanup.apiextensions.k8s.io";
export const crdKey = "apiextensions.k8s.io/customresourcedefinitions";

/** Returns the resources that a CustomResourceDefinition serves, one for each version. */
export function resourcesOfCrd(crd: ApiObject): ApiResource[] {
  const spec = recordOf(crd["spec"]);
  const names = recordOf(spec["names"]);
  const kind = textOf(names["kind"]);
  return listOf(spec["versions"])
    .map(recordOf)
    .filter((version) => version["served"] === true)
    .map((version) => {
      const schema = recordOf(recordOf(version["schema"])["openAPIV3Schema"]);
      const columns = listOf(version["additionalPrinterColumns"]).flatMap(columnOf);
      return {
        group: textOf(spec["group"]),
        version: textOf(version["name"]),
        plural: textOf(names["plural"]),
        singular: textOf(names["singular"]) || kind.toLowerCase(),
        kind,
        listKind: textOf(names["listKind"]) || `${kind}List`,
        namespaced: spec["scope"] === "Namespaced",
        shortNames: listOf(names["shortNames"]).map(textOf),
        categories: listOf(names["categories"]).map(textOf),
        hasStatus: isRecord(recordOf(version["subresources"])["status"]),
        hasGeneration: true,
        custom: true,
        schema,
        columns: columns.length > 0 ? columns : [defaultColumn],
        selectableFields: listOf(version["selectableFields"]).map((field) =>
          textOf(recordOf(field)["jsonPath"]).replace(/^\./, ""),
        ),
      };
    });
}

const defaultColumn: Column = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
};

function columnOf(value: unknown): Column[] {
  const { name, type, jsonPath, format, description, priority } = recordOf(value);
  if (typeof name !== "string" || typeof type !== "string" || typeof jsonPath !== "string")
    return [];
  return [
    {
      name,
      type,
      jsonPath,
      ...(typeof format === "string" ? { format } : {}),
      ...(typeof description === "string" ? { description } : {}),
      ...(typeof priority === "number" ? { priority } : {}),
    },
  ];
}

/** Serves the resources of every CRD in the store from now on; returns the way to stop. */
export function followCrds(store: ApiStore, resources: ApiResources): () => void {
  const serve = (crd: ApiObject, isThere: boolean) => {
    const spec = recordOf(crd["spec"]);
    resources.remove(textOf(spec["group"]), textOf(recordOf(spec["names"])["plural"]));
    if (isThere) for (const resource of resourcesOfCrd(crd)) resources.add(resource);
  };
  for (const crd of store.list(crdKey)) serve(crd, true);
  return store.onChange((event) => {
    if (event.key === crdKey) serve(event.object, event.type !== "DELETED");
  });
}

/** Fills in what the server says about a new or changed definition: its status and its names' defaults. */
export function completeCrd(crd: ApiObject, now: string): ApiObject {
  const spec = recordOf(crd["spec"]);
  const names = recordOf(spec["names"]);
  const kind = textOf(names["kind"]);
  const full: Json = {
    ...names,
    singular: names["singular"] || kind.toLowerCase(),
    listKind: names["listKind"] || `${kind}List`,
  };
  const status = recordOf(crd["status"]);
  const versions = listOf(spec["versions"]).map(recordOf);
  const storage = versions.find((v) => v["storage"] === true);
  const stored = new Set(listOf(status["storedVersions"]).map(textOf));
  if (storage) stored.add(textOf(storage["name"]));
  const condition = (type: string, reason: string, message: string): Json =>
    listOf(status["conditions"])
      .map(recordOf)
      .find((c) => c["type"] === type) ?? {
      type,
      status: "True",
      lastTransitionTime: now,
      reason,
      message,
    };
  return {
    ...crd,
    spec: { ...spec, conversion: spec["conversion"] ?? { strategy: "None" }, names: full },
    status: {
      ...status,
      acceptedNames: full,
      conditions: [
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
      ],
      storedVersions: [...stored],
    },
  };
}
