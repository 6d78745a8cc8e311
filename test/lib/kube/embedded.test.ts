import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../../src/lib/errors.ts";
import { connectKube } from "../../../src/lib/kube/connect.ts";
import { createInformer } from "../../../src/lib/kube/informer.ts";
import type { Kinds, Kube, Store } from "../../../src/lib/kube/kube.ts";
import { holdLease } from "../../../src/lib/kube/lease.ts";
import { type ApiServer, startApiServer } from "../../../src/lib/lab/api-server.ts";
import { silentLog } from "../../../src/lib/log.ts";

let api: ApiServer;
let kube: Kube;
const folder = mkdtempSync(join(tmpdir(), "multinic-kube-"));

beforeAll(async () => {
  api = await startApiServer();
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, api.kubeconfig());
  kube = await connectKube({ kubeconfig });
});
afterAll(async () => {
  await api.stop();
  rmSync(folder, { recursive: true });
});

function namespace(name: string, labels: Record<string, string> = {}): Kinds["Namespace"] {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** Resolves when the store satisfies the condition, by its own changes. */
function until<T>(store: Store<T>, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (holds()) return resolve();
    const stop = store.onChange(() => {
      if (!holds()) return;
      stop();
      resolve();
    });
  });
}

test("the client writes, reads, lists and deletes on the embedded API server", async () => {
  const made = await kube.create("Namespace", namespace("first"));
  expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
  expect(await kube.create("Namespace", namespace("first")).catch(codeOf)).toBe("AlreadyExists");
  const changed = await kube.replace("Namespace", {
    ...made,
    metadata: { ...made.metadata, labels: { a: "b" } },
  });
  expect(changed.metadata.labels?.["a"]).toBe("b");
  expect(await kube.replace("Namespace", made).catch(codeOf)).toBe("Conflict");
  const selected = await kube.list("Namespace", { labelSelector: "a=b" });
  expect(selected.items.map((n) => n.metadata.name)).toEqual(["first"]);
  expect(await kube.get("Namespace", "none")).toBeUndefined();
  await kube.remove("Namespace", "none");
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "l", namespace: "none" },
  };
  expect(await kube.create("Lease", lease).catch(codeOf)).toBe("NotFound");
});

test("an informer stays true through a restart and a compaction of the server, deletions included", async () => {
  const stop = new AbortController();
  const store = createInformer(kube, "Namespace", {
    selection: { labelSelector: "followed=yes" },
    log: silentLog,
    signal: stop.signal,
    minMs: 10,
    maxMs: 50,
  });
  await store.ready();
  const follow = { followed: "yes" };
  await kube.create("Namespace", namespace("one", follow));
  await kube.create("Namespace", namespace("two", follow));
  await kube.create("Namespace", namespace("other"));
  await until(store, () => store.list().length === 2);
  await api.restart();
  await kube.patch("Namespace", "one", { metadata: { labels: { followed: "no" } } });
  await kube.create("Namespace", namespace("three", follow));
  api.compact();
  const names = () =>
    store
      .list()
      .map((n) => n.metadata.name)
      .sort()
      .join();
  await until(store, () => names() === "three,two");
  stop.abort();
});

test("the lease goes from one contender to the next when the first stops", async () => {
  const order: string[] = [];
  const lead = (identity: string) => {
    const stop = new AbortController();
    const began = Promise.withResolvers<void>();
    const running = holdLease(
      kube,
      {
        namespace: "default",
        name: "test",
        identity,
        log: silentLog,
        retryMs: 20,
        async lead({ signal, check }) {
          check();
          order.push(`${identity} begins`);
          began.resolve();
          await new Promise<void>((resolve) =>
            signal.addEventListener("abort", () => resolve(), { once: true }),
          );
          order.push(`${identity} ends`);
        },
      },
      stop.signal,
    );
    return { stop, running, began: began.promise };
  };
  const a = lead("a");
  await a.began;
  const b = lead("b");
  a.stop.abort();
  await a.running;
  await b.began;
  b.stop.abort();
  await b.running;
  expect(order).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  const lease = await kube.get("Lease", "test", { namespace: "default" });
  expect(lease?.spec?.["holderIdentity"]).toBe("");
});
