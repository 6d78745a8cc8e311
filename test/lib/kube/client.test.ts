import { expect, test } from "bun:test";
import { codeOf, explain } from "../../../src/lib/errors.ts";
import { createKube } from "../../../src/lib/kube/client.ts";
import type { Clock } from "../../../src/lib/kube/clock.ts";
import { loadCredentials } from "../../../src/lib/kube/credentials.ts";
import type { Kube } from "../../../src/lib/kube/kube.ts";
import {
  json,
  pool,
  poolList,
  type Script,
  type ScriptedApi,
  serveScript,
  status,
} from "../../support/scripted-api.ts";

/** A clock whose waits are over at once and are remembered. Attempt limits (30 s) never fire. */
function hurried(waits: number[]): Clock {
  let skipped = 0;
  return {
    now: () => performance.now() + skipped,
    wall: () => Date.now(),
    after(ms, run) {
      if (ms > 20_000) return () => {};
      waits.push(ms);
      skipped += ms;
      queueMicrotask(run);
      return () => {};
    },
  };
}

async function connect(api: ScriptedApi, waits: number[] = []): Promise<Kube> {
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  return createKube({ credentials, clock: hurried(waits), random: () => 0.5 });
}

/** Answers the requests in turn; the last answer stays. */
function inTurn(...answers: (() => Response)[]): Script {
  return ({ index }) => (answers[index] ?? answers.at(-1) ?? (() => json({})))();
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => ({ code: codeOf(error), text: explain(error) }),
  );

test("get returns the object, and undefined only for a 404 about that very object", async () => {
  const cases: [string, () => Response, string][] = [
    ["the object", () => json(pool("a", "5")), "5"],
    ["gone", () => status(404, "NotFound", { name: "a", kind: "ippools" }), "undefined"],
    [
      "the kind is not installed",
      () => new Response("404 page not found\n", { status: 404 }),
      "NotFound",
    ],
    ["an unknown path, as a Status", () => status(404, "NotFound"), "NotFound"],
    [
      "something else is gone",
      () => status(404, "NotFound", { name: "b", kind: "ippools" }),
      "NotFound",
    ],
    [
      "another resource of that name",
      () => status(404, "NotFound", { name: "a", kind: "namespaces" }),
      "NotFound",
    ],
    ["a login page", () => new Response("<html>", { status: 200 }), "Unavailable"],
    ["another object", () => json(pool("b", "5")), "Unavailable"],
    [
      "a redirect",
      () => new Response("", { status: 302, headers: { location: "/x" } }),
      "Unavailable",
    ],
    ["forbidden", () => status(403, "Forbidden", { name: "a", kind: "ippools" }), "Forbidden"],
  ];
  await using api = await serveScript(() => json({}));
  const kube = await connect(api);
  for (const [what, answer, wanted] of cases) {
    api.script = answer;
    const got = await kube.get("IPPool", "a").then(
      (object) => object?.metadata.resourceVersion ?? "undefined",
      (error: unknown) => codeOf(error),
    );
    expect(`${what}: ${got}`).toBe(`${what}: ${wanted}`);
  }
});

test("get tries again after 500, 503 and 429, not earlier than Retry-After says", async () => {
  await using api = await serveScript(
    inTurn(
      () => status(500, "InternalError"),
      () => new Response("no backend", { status: 503 }),
      () => new Response("slow down", { status: 429, headers: { "retry-after": "7" } }),
      () => status(429, "TooManyRequests", { retryAfterSeconds: 3 }),
      () => json(pool("a", "9")),
    ),
  );
  const waits: number[] = [];
  const kube = await connect(api, waits);
  expect((await kube.get("IPPool", "a"))?.metadata.resourceVersion).toBe("9");
  expect(waits).toEqual([150, 300, 7000, 3000]);
});

test("get gives up with Unavailable when the time is up, and says what the server said", async () => {
  await using api = await serveScript(() =>
    status(503, "ServiceUnavailable", { message: "etcd is away" }),
  );
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  const clock: Clock = {
    now: () => api.requests.length * 30_000,
    wall: () => 0,
    after(ms, run) {
      if (ms < 20_000) queueMicrotask(run);
      return () => {};
    },
  };
  const kube = createKube({ credentials, clock, timeoutMs: 60_000 });
  const error = await failure(kube.get("IPPool", "a"));
  expect(error?.code).toBe("Unavailable");
  expect(error?.text).toContain("Cannot get IPPool a: etcd is away (HTTP 503 ServiceUnavailable)");
  expect(api.requests.length).toBe(2);
});

test("timeoutMs as a function is asked at each call: Config may change it", async () => {
  await using api = await serveScript(() => status(500, "InternalError"));
  const asked: number[] = [];
  const timeoutMs = () => asked.push(1);
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  const kube = createKube({ credentials, timeoutMs });
  for (const _ of [1, 2]) expect(await kube.get("IPPool", "a").catch(codeOf)).toBe("Unavailable");
  expect(asked).toHaveLength(2);
});

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

test("calls that cannot be right are refused before anything is sent", async () => {
  await using api = await serveScript(() => json({}));
  const kube = await connect(api);
  expect((await failure(kube.get("Pod", "a")))?.code).toBe("Invalid");
  const unread = { ...pool("a", ""), metadata: { name: "a" } };
  expect((await failure(kube.replace("IPPool", unread)))?.text).toContain(
    "metadata.resourceVersion is missing",
  );
  expect(api.requests).toEqual([]);
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

test("a server that hangs is Unavailable after the attempt's time, and nothing is left waiting", async () => {
  await using api = await serveScript(() => new Promise<Response>(() => {}));
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  const kube = createKube({ credentials, attemptMs: 20, timeoutMs: 60 });
  const error = await failure(kube.get("IPPool", "a"));
  expect(error?.code).toBe("Unavailable");
  expect(error?.text).toBe("Cannot get IPPool a: no answer in time");
});

test("signal ends calls under way with code Stopped", async () => {
  const stop = new AbortController();
  await using api = await serveScript(() => {
    stop.abort();
    return new Promise<Response>(() => {});
  });
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  const kube = createKube({ credentials, signal: stop.signal });
  expect((await failure(kube.get("IPPool", "a")))?.code).toBe("Stopped");
});

test("calls leave no listener behind on the program's signal", async () => {
  const stop = new AbortController();
  let listeners = 0;
  const { signal } = stop;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  await using api = await serveScript(({ index }) =>
    index % 2 === 0 ? status(503, "x") : json(pool("a", "1")),
  );
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  const kube = createKube({ credentials, signal, clock: hurried([]) });
  for (let n = 0; n < 5; n++) await kube.get("IPPool", "a");
  expect(api.requests.length).toBe(10);
  expect(listeners).toBeLessThanOrEqual(0);
});
