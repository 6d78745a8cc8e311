import { expect } from "bun:test";
import type { Case } from "./contract-case.ts";

interface Listed {
  readonly name: string;
}

export const discoveryCases: readonly Case[] = [
  {
    name: "health and version answer",
    async run(c) {
      for (const path of ["/healthz", "/livez", "/readyz"])
        expect((await c.api.call("GET", path)).body).toBe("ok");
      expect((await c.api.call("GET", "/version")).body.gitVersion).toStartWith("v1.34");
    },
  },
  {
    name: "/apis lists the group of a CRD with its version",
    async run(c) {
      const { body } = await c.api.call("GET", "/apis");
      expect(body.kind).toBe("APIGroupList");
      const group = body.groups.find((g: Listed) => g.name === c.group);
      const version = { groupVersion: `${c.group}/v1`, version: "v1" };
      expect(group).toMatchObject({ versions: [version], preferredVersion: version });
      expect((await c.api.call("GET", `/apis/${c.group}`)).body.kind).toBe("APIGroup");
    },
  },
  {
    name: "the list of a group's resources has names, scope, kinds, verbs and the status subresource",
    async run(c) {
      const { body } = await c.api.call("GET", `/apis/${c.group}/v1`);
      expect(body).toMatchObject({ kind: "APIResourceList", groupVersion: `${c.group}/v1` });
      const byName = new Map(body.resources.map((r: Listed) => [r.name, r]));
      expect([...byName.keys()].toSorted()).toEqual(["gadgets", "widgets", "widgets/status"]);
      expect(byName.get("widgets")).toMatchObject({
        singularName: "widget",
        namespaced: true,
        kind: "Widget",
        shortNames: ["wd"],
      });
      const { verbs } = body.resources.find((r: Listed) => r.name === "widgets");
      expect(verbs.toSorted()).toEqual([
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
      ]);
    },
  },
  {
    name: "aggregated discovery has the same in one document",
    async run(c) {
      const accept =
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
      const { body, headers } = await c.api.call("GET", "/apis", { accept });
      expect(headers.get("content-type")).toContain("as=APIGroupDiscoveryList");
      expect(body).toMatchObject({
        kind: "APIGroupDiscoveryList",
        apiVersion: "apidiscovery.k8s.io/v2",
      });
      const group = body.items.find((i: { metadata: Listed }) => i.metadata.name === c.group);
      const widgets = group.versions[0].resources.find(
        (r: { resource: string }) => r.resource === "widgets",
      );
      expect(widgets).toMatchObject({
        scope: "Namespaced",
        singularResource: "widget",
        shortNames: ["wd"],
        responseKind: { group: c.group, version: "v1", kind: "Widget" },
      });
      expect(widgets.subresources[0].subresource).toBe("status");
      const core = await c.api.call("GET", "/api", { accept });
      expect(core.body.items[0].versions[0].version).toBe("v1");
    },
  },
  {
    name: "OpenAPI v3 has the CRD's schema, descriptions and operations",
    async run(c) {
      const index = await c.api.call("GET", "/openapi/v3");
      const { serverRelativeURL } = index.body.paths[`apis/${c.group}/v1`];
      const { body } = await c.api.call("GET", serverRelativeURL);
      const schemas: { "x-kubernetes-group-version-kind"?: { kind: string }[] }[] = Object.values(
        body.components.schemas,
      );
      const found = schemas.find(
        (s) => s["x-kubernetes-group-version-kind"]?.[0]?.kind === "Widget",
      );
      expect(found).toMatchObject({
        description: "A thing to try the API with.",
        required: ["spec"],
        properties: {
          spec: { properties: { size: { type: "integer", description: "How big it is." } } },
        },
      });
      const path = `/apis/${c.group}/v1/namespaces/{namespace}/widgets/{name}`;
      const names = body.paths[path].patch.parameters.map((p: Listed) => p.name);
      expect(names).toContain("fieldValidation");
      expect(names).toContain("dryRun");
    },
  },
  {
    name: "unknown groups, resources and subresources answer 404",
    async run(c) {
      for (const path of [
        "/apis/nope.example.com/v1/things",
        `/apis/${c.group}/v1/things`,
        `/apis/${c.group}/v9/widgets`,
        `${c.widgets}/a/scale`,
        "/nope",
      ])
        expect((await c.api.call("GET", path)).status).toBe(404);
    },
  },
];
