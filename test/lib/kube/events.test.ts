import { expect, test } from "bun:test";
import { createKube } from "../../../src/lib/kube/client.ts";
import { loadCredentials } from "../../../src/lib/kube/credentials.ts";
import { createEvents } from "../../../src/lib/kube/events.ts";
import { createLog } from "../../../src/lib/log.ts";
import { createTestClock } from "../../support/clock.ts";
import { json, pool, type ScriptedApi, serveScript, status } from "../../support/scripted-api.ts";

async function make(api: ScriptedApi, more: { burst?: number } = {}) {
  const clock = createTestClock();
  const logged: string[] = [];
  const log = createLog({
    level: () => "info",
    write: (line) => logged.push(JSON.parse(line).msg),
  });
  const kube = createKube({ credentials: await loadCredentials({ kubeconfig: api.kubeconfig() }) });
  const events = createEvents(kube, {
    component: "multinic-nicd",
    host: "n1",
    log,
    clock,
    ...more,
  });
  return { events, clock, logged };
}

const echo: ScriptedApi["script"] = ({ body, method }) =>
  method === "POST"
    ? json(body, 201)
    : json({ apiVersion: "v1", kind: "Event", metadata: { name: "ignored" } });

const full = { type: "Warning", reason: "PoolFull", message: "widen hostBlock" } as const;

test("createEvents writes a core/v1 Event about the object, where kubectl describe looks for it", async () => {
  await using api = await serveScript(echo);
  const { events } = await make(api);
  events.record(pool("a", "7"), full);
  await events.flush();
  expect(api.requests.map((r) => `${r.method} ${r.path}`)).toEqual([
    "POST /api/v1/namespaces/default/events",
  ]);
  expect(api.requests[0]?.body).toMatchObject({
    kind: "Event",
    involvedObject: { apiVersion: "multinic.fms.io/v1", kind: "IPPool", name: "a", uid: "uid-a" },
    type: "Warning",
    reason: "PoolFull",
    message: "widen hostBlock",
    count: 1,
    firstTimestamp: "2026-01-01T00:00:01Z",
    lastTimestamp: "2026-01-01T00:00:01Z",
    source: { component: "multinic-nicd", host: "n1" },
  });
});

test("createEvents counts repeats in the first event, one write a minute", async () => {
  await using api = await serveScript(({ body, method, path }) =>
    method === "POST"
      ? json(body, 201)
      : json({ apiVersion: "v1", kind: "Event", metadata: { name: path.split("/").at(-1) } }),
  );
  const { events, clock } = await make(api);
  events.record(pool("a", "0"), full);
  await events.flush();
  for (let n = 1; n < 1000; n++) events.record(pool("a", String(n)), full);
  await clock.advance(59_999);
  expect(clock.waiting).toBe(1);
  await clock.advance(1);
  await events.flush();
  const [first, second] = api.requests;
  expect(api.requests.length).toBe(2);
  expect(second?.method).toBe("PATCH");
  expect(second?.body).toEqual({ count: 1000, lastTimestamp: "2026-01-01T00:00:01Z" });
  const named = first?.body as { metadata: { name: string } };
  expect(second?.path).toEndWith(`/${named.metadata.name}`);
});

test("createEvents writes a new event when the server has forgotten the first", async () => {
  await using api = await serveScript(({ body, method, path }) =>
    method === "POST"
      ? json(body, 201)
      : status(404, "NotFound", { name: path.split("/").at(-1) ?? "", kind: "events" }),
  );
  const { events } = await make(api);
  events.record(pool("a", "1"), full);
  events.record(pool("a", "1"), full);
  await events.flush();
  await events.flush();
  events.record(pool("a", "1"), full);
  await events.flush();
  expect(api.requests.map((r) => r.method)).toEqual(["POST", "PATCH", "POST"]);
  expect(api.requests[2]?.body).toMatchObject({ count: 3 });
});

test("createEvents never fails its caller, and logs what could not be written", async () => {
  await using api = await serveScript(() => status(403, "Forbidden", { message: "no" }));
  const { events, logged } = await make(api);
  events.record(pool("a", "1"), full);
  await events.flush();
  expect(logged.length).toBe(1);
  expect(logged[0]).toStartWith("Cannot write event PoolFull: Cannot create Event default/a.");
});

test("createEvents writes only so many different events about one object in a minute", async () => {
  await using api = await serveScript(echo);
  const { events, clock } = await make(api, { burst: 3 });
  const storm = (about: string) => {
    for (let n = 0; n < 10; n++) {
      events.record(pool(about, "1"), { ...full, message: `${clock.now()} ${n}` });
    }
  };
  storm("a");
  storm("b");
  await events.flush();
  expect(api.requests.length).toBe(6);
  await clock.advance(60_000);
  storm("a");
  await events.flush();
  expect(api.requests.length).toBe(9);
});
