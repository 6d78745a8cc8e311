import type { ApiObject, Json } from "./api-object.ts";
import type { ApiResource } from "./api-resource.ts";

/** Tells whether a client asks for a server-printed table. */
export function asksForTable(request: Request): boolean {
  return (request.headers.get("accept") ?? "").includes("as=Table");
}

/** Renders objects as a meta/v1 Table. */
export function tableOf(
  _resource: ApiResource,
  objects: readonly ApiObject[],
  options: { metadata?: Json; head?: boolean },
): Json {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: options.metadata ?? {},
    columnDefinitions: [
      { name: "Name", type: "string", format: "name", description: "", priority: 0 },
    ],
    rows: objects.map((object) => ({
      cells: [object.metadata.name],
      object: {
        kind: "PartialObjectMetadata",
        apiVersion: "meta.k8s.io/v1",
        metadata: object.metadata,
      },
    })),
  };
}
