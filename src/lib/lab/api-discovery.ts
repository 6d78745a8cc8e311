import type { Json } from "./api-object.ts";
import { serveOpenApi } from "./api-openapi.ts";
import { type ApiResource, type ApiResources, apiVersionOf } from "./api-resource.ts";
import { noSuchPath } from "./api-status.ts";
import { subresourcesOf } from "./api-target.ts";

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const subVerbs = ["get", "patch", "update"];

/** The version this server claims: the Kubernetes release whose behaviour it follows. */
const serverVersion = {
  major: "1",
  minor: "34",
  gitVersion: "v1.34.4+multinic",
  gitCommit: "",
  gitTreeState: "",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "bun",
  platform: "linux/amd64",
};

/** Answers /version, /api, /apis and the lists of resources below them; undefined = another path. */
export function serveDiscovery(resources: ApiResources, request: Request): Response | undefined {
  const path = new URL(request.url).pathname.replace(/\/$/, "");
  const all = resources.list();
  if (path === "/version") return Response.json(serverVersion);
  const openApi = serveOpenApi(resources, path);
  if (openApi) return Response.json(openApi);
  const aggregated = aggregatedType(request);
  if (path === "/api" || path === "/apis") {
    const here = all.filter((at) => (at.group === "") === (path === "/api"));
    if (aggregated)
      return Response.json(aggregatedList(here, aggregated), {
        headers: {
          "content-type": `application/json;g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`,
          vary: "Accept",
        },
      });
    return Response.json(path === "/api" ? legacyVersions : groupList(here));
  }
  const found = /^\/(?:api|apis\/([^/]+))(?:\/([^/]+))?$/.exec(path);
  if (!found) return undefined;
  const [, group = "", version] = found;
  const inGroup = all.filter((at) => at.group === group);
  if (version === undefined) {
    const entry = groupsOf(inGroup)[0];
    if (!entry) throw noSuchPath();
    return Response.json({ kind: "APIGroup", apiVersion: "v1", ...entry });
  }
  const here = inGroup.filter((at) => at.version === version);
  if (here.length === 0) throw noSuchPath();
  return Response.json(resourceList(here));
}

const legacyVersions = {
  kind: "APIVersions",
  versions: ["v1"],
  serverAddressByClientCIDRs: [],
};

function aggregatedType(request: Request): "v2" | "v2beta1" | undefined {
  const accept = request.headers.get("accept") ?? "";
  if (!accept.includes("as=APIGroupDiscoveryList")) return undefined;
  return accept.includes("v=v2;") || accept.includes("v=v2,") ? "v2" : "v2beta1";
}

function groupList(all: readonly ApiResource[]): Json {
  return { kind: "APIGroupList", apiVersion: "v1", groups: groupsOf(all) };
}

function groupsOf(all: readonly ApiResource[]): Json[] {
  return [...new Set(all.map((at) => at.group))].map((name) => {
    const versions = versionsOf(all, name).map((version) => ({
      groupVersion: apiVersionOf({ group: name, version }),
      version,
    }));
    return { name, versions, preferredVersion: versions[0] };
  });
}

function versionsOf(all: readonly ApiResource[], group: string): string[] {
  const versions = new Set(all.filter((at) => at.group === group).map((at) => at.version));
  return [...versions].sort(byStability);
}

/** Orders versions as Kubernetes does: v2, v1, v1beta1, v1alpha1. */
function byStability(a: string, b: string): number {
  const rank = (v: string) => (v.includes("alpha") ? 2 : v.includes("beta") ? 1 : 0);
  return rank(a) - rank(b) || b.localeCompare(a, "en", { numeric: true });
}

function resourceList(here: readonly ApiResource[]): Json {
  const [first] = here;
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: first ? apiVersionOf(first) : "",
    resources: here.flatMap((at) => [
      {
        name: at.plural,
        singularName: at.singular,
        namespaced: at.namespaced,
        kind: at.kind,
        verbs,
        ...(at.shortNames.length > 0 ? { shortNames: at.shortNames } : {}),
        ...(at.categories.length > 0 ? { categories: at.categories } : {}),
      },
      ...subresourcesOf(at).map((sub) => ({
        name: `${at.plural}/${sub}`,
        singularName: "",
        namespaced: at.namespaced,
        kind: at.kind,
        verbs: subVerbs,
      })),
    ]),
  };
}

function aggregatedList(all: readonly ApiResource[], type: "v2" | "v2beta1"): Json {
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${type}`,
    metadata: {},
    items: [...new Set(all.map((at) => at.group))].map((group) => ({
      metadata: { ...(group === "" ? {} : { name: group }), creationTimestamp: null },
      versions: versionsOf(all, group).map((version) => ({
        version,
        freshness: "Current",
        resources: all
          .filter((at) => at.group === group && at.version === version)
          .map(aggregatedResource),
      })),
    })),
  };
}

function aggregatedResource(at: ApiResource): Json {
  const responseKind = { group: at.group, version: at.version, kind: at.kind };
  return {
    resource: at.plural,
    responseKind,
    scope: at.namespaced ? "Namespaced" : "Cluster",
    singularResource: at.singular,
    verbs,
    ...(at.shortNames.length > 0 ? { shortNames: at.shortNames } : {}),
    ...(at.categories.length > 0 ? { categories: at.categories } : {}),
    subresources: subresourcesOf(at).map((subresource) => ({
      subresource,
      responseKind,
      verbs: subVerbs,
    })),
  };
}
