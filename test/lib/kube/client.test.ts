import { expect, test } from "bun:test";
import { codeOf } from "../../../src/lib/errors.ts";
import { createKube } from "../../../src/lib/kube/client.ts";
import type { Clock } from "../../../src/lib/kube/clock.ts";
import { loadCredentials } from "../../../src/lib/kube/credentials.ts";
import { json, pool, serveScript, status } from "../../support/scripted-api.ts";
import { connect, failure, hurried, inTurn } from "../../support/scripted-kube.ts";

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
