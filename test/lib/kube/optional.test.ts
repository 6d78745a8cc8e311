import { expect, setDefaultTimeout, test } from "bun:test";
import { Failure } from "../../../src/lib/errors.ts";
import type { Kube } from "../../../src/lib/kube/kube.ts";
import { createOptionalInformer } from "../../../src/lib/kube/optional.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { deviceCrds } from "../../support/devicecrds.ts";
import { OperatorWorld } from "../../support/operatorworld.ts";

setDefaultTimeout(30_000);

const crd = deviceCrds().find((one) => one.metadata.name.startsWith("nicclusterpolicies"));
const policy = {
  apiVersion: "mellanox.com/v1alpha1",
  kind: "NicClusterPolicy",
  metadata: { name: "one" },
  spec: {},
};

/** Follows NicClusterPolicies of a server, looking again at once. */
function follow(kube: Kube) {
  const stop = new AbortController();
  const options = { log: silentLog, signal: stop.signal, minMs: 5, maxMs: 20, auditMs: 1 };
  const store = createOptionalInformer(kube, "NicClusterPolicy", options);
  const until = (what: string, look: () => boolean) =>
    eventually(what, async () => (look() ? { value: true } : { not: String(store.installed) }));
  return { store, until, [Symbol.dispose]: () => stop.abort() };
}

test("createOptionalInformer is empty while its kind is not installed, fills when it is, and empties when it goes", async () => {
  await using world = await OperatorWorld.start();
  using following = follow(world.kube);
  const { store, until } = following;
  let answers = 0;
  store.onAnswer(() => answers++);
  await store.answered();
  expect([store.installed, store.trouble, store.list()]).toEqual([false, undefined, []]);
  if (crd) await world.kube.create("CustomResourceDefinition", crd);
  await until("the kind", () => store.installed === true);
  await world.kube.create("NicClusterPolicy", policy);
  await until("the policy", () => store.get("one") !== undefined);
  await world.kube.remove("CustomResourceDefinition", crd?.metadata.name ?? "");
  await until("the kind's end", () => store.installed === false);
  expect(store.list()).toEqual([]);
  expect(store.get("one")).toBeUndefined();
  expect(answers).toBeGreaterThanOrEqual(2);
});

test("createOptionalInformer takes no other failure for a kind that is missing: it answers, says why, and keeps what it has", async () => {
  await using world = await OperatorWorld.start();
  if (crd) await world.kube.create("CustomResourceDefinition", crd);
  await world.kube.create("NicClusterPolicy", policy);
  let refused: string | undefined = "Forbidden";
  let cut = new AbortController();
  const kube: Kube = {
    ...world.kube,
    async list(kind, selection) {
      if (refused) throw new Failure("Cannot list", { code: refused });
      return world.kube.list(kind, selection);
    },
    async *watch(kind, options, signal) {
      yield* world.kube.watch(kind, options, AbortSignal.any([signal, cut.signal]));
      if (cut.signal.aborted) {
        cut = new AbortController();
        throw new Failure("Too old", { code: "Expired" });
      }
    },
  };
  using following = follow(kube);
  const { store, until } = following;
  await store.answered();
  expect([store.installed, store.trouble, store.synced]).toEqual([undefined, "Cannot list", false]);
  refused = undefined;
  await until("the list", () => store.installed === true);
  expect([store.trouble, store.list().length]).toEqual([undefined, 1]);
  refused = "Unavailable";
  cut.abort();
  await until("the trouble", () => store.trouble !== undefined);
  expect([store.installed, store.list().length]).toEqual([true, 1]);
});
