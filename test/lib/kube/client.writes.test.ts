import { expect, test } from "bun:test";
import type { Kube } from "../../../src/lib/kube/kube.ts";
import { json, pool, serveScript, status } from "../../support/scripted-api.ts";
import { connect, failure, inTurn } from "../../support/scripted-kube.ts";

test("writes carry the API's reason in their code and what was done in their message", async () => {
  await using api = await serveScript(() => json({}));
  const kube = await connect(api);
  const cases: [string, () => Promise<unknown>, () => Response, string][] = [
    [
      "POST",
      () => kube.create("IPPool", pool("a", "")),
      () => status(409, "AlreadyExists"),
      "AlreadyExists Cannot create IPPool a",
    ],
    [
      "PUT",
      () => kube.replace("IPPool", pool("a", "1")),
      () => status(409, "Conflict"),
      "Conflict Cannot update IPPool a",
    ],
    [
      "PUT",
      () => kube.replaceStatus("IPPool", pool("a", "1")),
      () => status(409, "Conflict"),
      "Conflict Cannot update status of IPPool a",
    ],
    [
      "PATCH",
      () => kube.patch("IPPool", "a", {}),
      () => status(422, "Invalid"),
      "Invalid Cannot patch IPPool a",
    ],
    [
      "PATCH",
      () => kube.apply("IPPool", pool("a", ""), { manager: "m" }),
      () => status(403, "Forbidden"),
      "Forbidden Cannot apply IPPool a",
    ],
    [
      "DELETE",
      () => kube.remove("IPPool", "a", { uid: "u" }),
      () => status(409, "Conflict"),
      "Conflict Cannot delete IPPool a",
    ],
    [
      "DELETE",
      () => kube.remove("IPPool", "a"),
      () => new Response("404 page not found", { status: 404 }),
      "NotFound Cannot delete IPPool a",
    ],
  ];
  for (const [method, work, answer, wanted] of cases) {
    api.script = answer;
    const error = await failure(work());
    expect(`${error?.code} ${error?.text}`).toStartWith(wanted);
    expect(api.requests.at(-1)?.method).toBe(method);
  }
});

test("writes go out as Kubernetes wants them", async () => {
  await using api = await serveScript(() => json(pool("a", "2")));
  const kube = await connect(api);
  await kube.patch("IPPool", "a", { spec: {} }, { subresource: "status" });
  await kube.apply("IPPool", pool("a", ""), { manager: "nicd", force: false });
  await kube.remove("IPPool", "a", { uid: "u", resourceVersion: "4" });
  const seen = api.requests.map((r) => [
    `${r.method} ${r.path}?${r.query}`,
    r.headers.get("content-type"),
    r.headers.get("authorization"),
  ]);
  const at = "/apis/multinic.fms.io/v1/ippools/a";
  expect(seen).toEqual([
    [`PATCH ${at}/status?`, "application/merge-patch+json", "Bearer secret"],
    [`PATCH ${at}?fieldManager=nicd&force=false`, "application/apply-patch+yaml", "Bearer secret"],
    [`DELETE ${at}?`, "application/json", "Bearer secret"],
  ]);
  expect(api.requests[2]?.body).toMatchObject({
    preconditions: { uid: "u", resourceVersion: "4" },
  });
});

test("writes that might have been done are not sent twice; refused ones and repeatable ones are", async () => {
  const cases: [string, (kube: Kube) => Promise<unknown>, number, number][] = [
    ["create after 500", (k) => k.create("IPPool", pool("a", "")), 500, 1],
    ["replace after 504", (k) => k.replace("IPPool", pool("a", "1")), 504, 1],
    ["patch after 500", (k) => k.patch("IPPool", "a", {}), 500, 1],
    ["delete of a name after 500", (k) => k.remove("IPPool", "a"), 500, 1],
    ["create after 429", (k) => k.create("IPPool", pool("a", "")), 429, 2],
    ["apply after 500", (k) => k.apply("IPPool", pool("a", ""), { manager: "m" }), 500, 2],
    ["delete of a uid after 500", (k) => k.remove("IPPool", "a", { uid: "u" }), 500, 2],
  ];
  for (const [what, work, code, wanted] of cases) {
    await using api = await serveScript(
      inTurn(
        () => status(code, "x"),
        () => json(pool("a", "2")),
      ),
    );
    await failure(work(await connect(api)));
    expect(`${what}: ${api.requests.length}`).toBe(`${what}: ${wanted}`);
  }
});

test("remove takes a missing object for success", async () => {
  await using api = await serveScript(() =>
    status(404, "NotFound", { name: "a", kind: "ippools" }),
  );
  expect(await failure((await connect(api)).remove("IPPool", "a"))).toBeUndefined();
});

test("with.beforeWrite keeps every attempt to write from going out, retries included", async () => {
  await using api = await serveScript(() => status(429, "TooManyRequests"));
  const plain = await connect(api);
  let asked = 0;
  const kube = plain.with?.({
    beforeWrite() {
      if (++asked === 3) throw new Error("no longer leader");
    },
  });
  const error = await failure(kube?.create("IPPool", pool("a", "")) ?? Promise.resolve());
  expect(error?.text).toBe("no longer leader");
  expect(api.requests.length).toBe(2);
  api.script = () => json(pool("a", "1"));
  expect(await failure(kube?.get("IPPool", "a") ?? Promise.reject())).toBeUndefined();
  expect(asked).toBe(3);
});
