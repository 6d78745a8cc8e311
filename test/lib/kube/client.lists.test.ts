import { expect, test } from "bun:test";
import { codeOf } from "../../../src/lib/errors.ts";
import { json, pool, poolList, serveScript, status } from "../../support/scripted-api.ts";
import { connect } from "../../support/scripted-kube.ts";

test("list reads every page, and puts kind and apiVersion into items that lack them", async () => {
  await using api = await serveScript(({ query }) =>
    query.get("continue") === "more"
      ? json({
          kind: "PodList",
          metadata: { resourceVersion: "7" },
          items: [{ metadata: { name: "b", namespace: "x" } }],
        })
      : json({
          kind: "PodList",
          metadata: { resourceVersion: "7", continue: "more" },
          items: [{ metadata: { name: "a", namespace: "x" } }],
        }),
  );
  const kube = await connect(api);
  const list = await kube.list("Pod", { labelSelector: "app=x", fieldSelector: "spec.nodeName=n" });
  expect(list.items.map((p) => `${p.apiVersion} ${p.kind} ${p.metadata.name}`)).toEqual([
    "v1 Pod a",
    "v1 Pod b",
  ]);
  expect(list.resourceVersion).toBe("7");
  expect(api.requests[0]?.path).toBe("/api/v1/pods");
  expect(api.requests[0]?.query.get("labelSelector")).toBe("app=x");
  expect(api.requests[0]?.query.get("fieldSelector")).toBe("spec.nodeName=n");
});

test("list starts over unpaged when a continuation expired", async () => {
  await using api = await serveScript(({ query }) => {
    if (query.get("continue")) return status(410, "Expired");
    if (query.get("limit")) {
      return json({
        ...poolList("4", pool("a", "1")),
        metadata: { resourceVersion: "4", continue: "m" },
      });
    }
    return json(poolList("5", pool("a", "1"), pool("b", "2")));
  });
  const kube = await connect(api);
  const list = await kube.list("IPPool");
  expect(list.items.map((p) => p.metadata.name)).toEqual(["a", "b"]);
  expect(list.resourceVersion).toBe("5");
});

test("list never takes a failure for an empty list", async () => {
  const cases: [string, () => Response, string][] = [
    ["an empty list is one", () => json(poolList("3")), "0 items"],
    ["page not found", () => new Response("404 page not found\n", { status: 404 }), "NotFound"],
    ["an empty object", () => json({}), "Unavailable"],
    [
      "no items",
      () => json({ kind: "IPPoolList", metadata: { resourceVersion: "3" } }),
      "Unavailable",
    ],
    [
      "no resourceVersion",
      () => json({ kind: "IPPoolList", metadata: {}, items: [] }),
      "Unavailable",
    ],
    [
      "another kind",
      () => json({ kind: "PodList", metadata: { resourceVersion: "3" }, items: [] }),
      "Unavailable",
    ],
    ["half a body", () => new Response('{"kind":"IPPoolList","items":['), "Unavailable"],
    [
      "an item without a name",
      () => json({ ...poolList("3"), items: [{ kind: "IPPool", metadata: {} }] }),
      "Unavailable",
    ],
    [
      "one page fails",
      () => json({ ...poolList("3"), metadata: { resourceVersion: "3", continue: "x" } }),
      "Forbidden",
    ],
  ];
  await using api = await serveScript(() => json({}));
  const kube = await connect(api);
  for (const [what, answer, wanted] of cases) {
    api.script = ({ query }) => (query.get("continue") ? status(403, "Forbidden") : answer());
    const got = await kube.list("IPPool").then(
      (list) => `${list.items.length} items`,
      (error: unknown) => codeOf(error),
    );
    expect(`${what}: ${got}`).toBe(`${what}: ${wanted}`);
  }
});
