import { expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import { createKube } from "../../../src/lib/kube/client.ts";
import { pause, systemClock } from "../../../src/lib/kube/clock.ts";
import { loadCredentials } from "../../../src/lib/kube/credentials.ts";
import { createInformer } from "../../../src/lib/kube/informer.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { alive, grown } from "../../support/alive.ts";
import { json, pool, poolList, serveScript, status, stream } from "../../support/scripted-api.ts";

/** What a call, a watch or a wait that is over may not leave behind. */
const kept = ["Timeout", "AbortSignal", "AbortController", "Promise", "Response", "ReadableStream"];
const rounds = 200;

/** Does `work` so often that one of anything left behind each time is seen. */
async function leftBy(work: (round: number) => Promise<unknown>): Promise<string[]> {
  for (let i = 0; i < 20; i++) await work(i);
  const before = alive();
  for (let i = 0; i < rounds; i++) await work(i);
  return grown(kept, before, { slack: rounds / 4 });
}

const watched = `${JSON.stringify({ type: "ADDED", object: pool("a", "6") })}\n`;

test("createKube's calls, answered or refused, leave no timer, signal or listener behind", async () => {
  await using api = await serveScript(({ index }) =>
    index % 2 === 0 ? json(pool("a", "5")) : status(409, "Conflict"),
  );
  const program = new AbortController();
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  const kube = createKube({ credentials, signal: program.signal });
  const left = await leftBy(() =>
    Promise.all([
      kube.get("IPPool", "a").catch(() => undefined),
      kube.patch("IPPool", "a", { spec: { allocations: [] } }).catch(() => undefined),
    ]),
  );
  expect(left).toEqual([]);
  expect(getEventListeners(program.signal, "abort")).toHaveLength(0);
});

test("watch leaves nothing behind when its stream ends, breaks, or is left", async () => {
  await using api = await serveScript(({ index }) =>
    stream([watched], index % 2 === 0 ? "end" : "break"),
  );
  const program = new AbortController();
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  const kube = createKube({ credentials, signal: program.signal });
  const left = await leftBy(async (round) => {
    const events = kube.watch("IPPool", { resourceVersion: "5" }, program.signal);
    try {
      for await (const event of events) if (round % 3 === 0 && event.type === "ADDED") break;
    } catch {
      // A stream that broke says so; what counts here is what it leaves.
    }
  });
  expect(left).toEqual([]);
  expect(getEventListeners(program.signal, "abort")).toHaveLength(0);
});

test("createInformer watches again and again without leaving anything behind", async () => {
  let watches = 0;
  const enough = Promise.withResolvers<void>();
  let before: ReturnType<typeof alive> | undefined;
  await using api = await serveScript(({ query }) => {
    if (query.get("watch") !== "true") return json(poolList("5", pool("a", "5")));
    watches++;
    if (watches === 20) before = alive();
    if (watches === 20 + rounds) enough.resolve();
    return stream([watched], "end");
  });
  const program = new AbortController();
  const credentials = await loadCredentials({ kubeconfig: api.kubeconfig() });
  const kube = createKube({ credentials, signal: program.signal });
  createInformer(kube, "IPPool", { log: silentLog, signal: program.signal, minMs: 0, maxMs: 0 });
  await enough.promise;
  expect(grown(kept, before ?? {}, { slack: rounds / 4 })).toEqual([]);
  program.abort();
});

test("pause leaves no listener on a signal that lives on", async () => {
  const program = new AbortController();
  const left = await leftBy(() => pause(0, systemClock, program.signal));
  expect(left).toEqual([]);
  expect(getEventListeners(program.signal, "abort")).toHaveLength(0);
});
