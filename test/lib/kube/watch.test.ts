import { expect, test } from "bun:test";
import { codeOf, explain } from "../../../src/lib/errors.ts";
import { createKube, type KubeOptions } from "../../../src/lib/kube/client.ts";
import { loadCredentials } from "../../../src/lib/kube/credentials.ts";
import type { Kube } from "../../../src/lib/kube/kube.ts";
import {
  pool,
  type ScriptedApi,
  serveScript,
  status,
  statusBody,
  stream,
} from "../../support/scripted-api.ts";

async function connect(api: ScriptedApi, more: Partial<KubeOptions> = {}): Promise<Kube> {
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  return createKube({ credentials, ...more });
}

const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const added = (name: string, version: string) => line("ADDED", pool(name, version));
const bookmark = (resourceVersion: string) =>
  line("BOOKMARK", { kind: "IPPool", metadata: { resourceVersion } });

/** Collects a watch's events as text, and how it ended. */
async function collect(
  kube: Kube,
  options: { timeoutSeconds?: number; signal?: AbortSignal } = {},
) {
  const events: string[] = [];
  const signal = options.signal ?? new AbortController().signal;
  const { timeoutSeconds = 30 } = options;
  try {
    const stream = kube.watch("IPPool", { resourceVersion: "5", timeoutSeconds }, signal);
    for await (const event of stream) {
      events.push(
        event.type === "BOOKMARK"
          ? `BOOKMARK ${event.resourceVersion}`
          : `${event.type} ${event.object.metadata.name}`,
      );
    }
    return { events, end: "ended", text: "" };
  } catch (error) {
    return { events, end: codeOf(error), text: explain(error) };
  }
}

test("watch yields each event, asks for bookmarks, and ends with the stream", async () => {
  await using api = await serveScript(() =>
    stream([added("a", "6"), bookmark("7") + line("DELETED", pool("a", "8"))], "end"),
  );
  const { events, end } = await collect(await connect(api));
  expect({ events, end }).toEqual({ events: ["ADDED a", "BOOKMARK 7", "DELETED a"], end: "ended" });
  const query = Object.fromEntries(api.requests[0]?.query ?? []);
  expect(query).toEqual({
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion: "5",
    timeoutSeconds: "30",
  });
});

test("watch puts lines together however the bytes arrive, multi-byte characters too", async () => {
  const bytes = new TextEncoder().encode(added("a-ü-日本", "6") + added("b", "7"));
  await using api = await serveScript(
    () =>
      new Response(
        new ReadableStream({
          start(controller) {
            for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
            controller.close();
          },
        }),
      ),
  );
  expect((await collect(await connect(api))).events).toEqual(["ADDED a-ü-日本", "ADDED b"]);
});

test("watch drops a line that the end of the stream cut off, even one that would parse", async () => {
  for (const half of [added("b", "7").slice(0, 40), added("b", "7").trimEnd()]) {
    await using api = await serveScript(() => stream([added("a", "6"), half], "end"));
    expect(await collect(await connect(api))).toMatchObject({ events: ["ADDED a"], end: "ended" });
  }
});

test("watch fails as the server's refusal or ERROR event says", async () => {
  const cases: [string, () => Response, string][] = [
    ["410 as an answer", () => status(410, "Gone"), "Expired"],
    [
      "410 in the stream",
      () => stream([line("ERROR", statusBody(410, "Expired"))], "open"),
      "Expired",
    ],
    [
      "500 in the stream",
      () => stream([line("ERROR", statusBody(500, "InternalError"))], "open"),
      "Unavailable",
    ],
    ["403", () => status(403, "Forbidden"), "Forbidden"],
    ["429", () => status(429, "TooManyRequests"), "TooManyRequests"],
    ["503", () => new Response("", { status: 503 }), "Unavailable"],
    ["no JSON", () => stream(["<html>\n"], "open"), "Unavailable"],
    [
      "another kind",
      () => stream([line("ADDED", { kind: "Pod", metadata: { name: "a" } })], "open"),
      "Unavailable",
    ],
    ["an unknown type", () => stream([line("NEWS", pool("a", "6"))], "open"), "Unavailable"],
    ["a torn stream", () => stream([added("a", "6")], "break"), "Unavailable"],
  ];
  await using api = await serveScript(() => status(500, ""));
  const kube = await connect(api);
  for (const [what, answer, wanted] of cases) {
    api.script = answer;
    const { end, text } = await collect(kube);
    expect(`${what}: ${end}`).toBe(`${what}: ${wanted}`);
    expect(text).toStartWith("Cannot watch IPPool objects");
  }
});

test("watch takes silence past timeoutSeconds for a dead connection", async () => {
  await using api = await serveScript(() => stream([added("a", "6")], "open"));
  const waits = new Map<number, () => void>();
  const clock = {
    now: () => 0,
    wall: () => 0,
    after(ms: number, run: () => void) {
      waits.set(ms, run);
      // The 20 s asked for and 15 s of slack, running from the last byte.
      if (ms === 35_000 && api.requests.length === 1) setTimeout(() => waits.get(ms)?.(), 30);
      return () => void waits.delete(ms);
    },
  };
  const { events, end, text } = await collect(await connect(api, { clock }), {
    timeoutSeconds: 20,
  });
  expect({ events, end }).toEqual({ events: ["ADDED a"], end: "Unavailable" });
  expect(text).toContain("silent for 35 s");
  expect(waits.size).toBe(0);
});

test("watch expects more bookmarks once it had one", async () => {
  const stop = new AbortController();
  await using api = await serveScript(() => stream([bookmark("6"), added("a", "7")], "open"));
  const waits: number[] = [];
  const clock = {
    now: () => 0,
    wall: () => 0,
    after(ms: number) {
      waits.push(ms);
      return () => {};
    },
  };
  const kube = await connect(api, { clock, quietMs: 1234 });
  for await (const event of kube.watch("IPPool", { resourceVersion: "5" }, stop.signal)) {
    if (event.type === "ADDED") stop.abort();
  }
  expect(waits.slice(0, 2)).toEqual([30_000, 415_000]);
  expect(waits.at(-1)).toBe(1234);
});

test("watch ends quietly when its signal fires, and lets go of the connection", async () => {
  const stop = new AbortController();
  const cancelled = Promise.withResolvers<void>();
  await using api = await serveScript(
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode(added("a", "6"))),
          cancel: () => cancelled.resolve(),
        }),
      ),
  );
  const kube = await connect(api);
  for await (const event of kube.watch("IPPool", { resourceVersion: "5" }, stop.signal)) {
    expect(event.type).toBe("ADDED");
    stop.abort();
  }
  await cancelled.promise;
});

test("watch lets go of the connection when its reader breaks off", async () => {
  const cancelled = Promise.withResolvers<void>();
  await using api = await serveScript(
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode(added("a", "6"))),
          cancel: () => cancelled.resolve(),
        }),
      ),
  );
  const kube = await connect(api);
  for await (const _ of kube.watch(
    "IPPool",
    { resourceVersion: "5" },
    new AbortController().signal,
  ))
    break;
  await cancelled.promise;
});
