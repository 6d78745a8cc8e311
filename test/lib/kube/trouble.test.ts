import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../../src/lib/errors.ts";
import { createKube } from "../../../src/lib/kube/client.ts";
import { loadCredentials } from "../../../src/lib/kube/credentials.ts";
import { createInformer } from "../../../src/lib/kube/informer.ts";
import type { Kinds } from "../../../src/lib/kube/kube.ts";
import { startApiServer } from "../../../src/lib/lab/api-server.ts";
import { eventually } from "../../../src/lib/lab/eventually.ts";
import { createLog } from "../../../src/lib/log.ts";
import { type ApiFault, faultKinds } from "../../support/api-faults.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { random } from "../../support/random.ts";
import { pool } from "../../support/scripted-api.ts";

/** An embedded API server, a proxy before it, and a client of each. */
async function world(seed: number, timeoutMs: number) {
  const folder = mkdtempSync(join(tmpdir(), "multinic-trouble-"));
  const api = await startApiServer();
  const proxy = await startFaultProxy({
    address: "127.0.0.1",
    upstream: { url: api.url, caPem: api.caPem },
    random: random(seed),
  });
  const client = async (name: string, text: string, timeoutMs: number) => {
    const kubeconfig = join(folder, name);
    writeFileSync(kubeconfig, text);
    const credentials = await loadCredentials({ kubeconfig });
    return createKube({ credentials, attemptMs: 1000, timeoutMs });
  };
  const config = JSON.parse(api.kubeconfig());
  config.clusters[0].cluster = {
    server: proxy.url,
    "certificate-authority-data": btoa(proxy.caPem),
  };
  return {
    proxy,
    direct: await client("direct", api.kubeconfig(), 20_000),
    troubled: await client("troubled", JSON.stringify(config), timeoutMs),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await api.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

const fresh = (name: string) => {
  const { metadata: _, ...rest } = pool(name, "");
  return { ...rest, metadata: { name } };
};

test("createInformer comes to hold what the server holds, whatever went wrong between, and tells of every change", async () => {
  await using at = await world(41, 500);
  const stop = new AbortController();
  const store = createInformer(at.troubled, "IPPool", {
    log: createLog({ level: () => "error" }),
    signal: stop.signal,
    minMs: 10,
    maxMs: 100,
    auditMs: 300,
  });
  const told = new Map<string, string>();
  store.onChange((before, after) => {
    if (after) told.set(after.metadata.name, after.metadata.resourceVersion ?? "");
    else if (before) told.delete(before.metadata.name);
  });
  await store.ready();
  const chance = random(7);
  const names = Array.from({ length: 12 }, (_, i) => `pool-${i}`);
  const missing = () => faultKinds.filter((kind) => isForReads(kind) && !at.proxy.counts[kind]);
  at.proxy.setTrouble({ share: 0.6, hangMs: 100, watchMs: 200 });
  // Until each kind has happened, and events were lost.
  for (let round = 0; missing().length > 0 || (at.proxy.counts["lost"] ?? 0) < 3; round++) {
    const name = chance.pick(names);
    const found = await at.direct.get("IPPool", name);
    if (!found) await at.direct.create("IPPool", fresh(name));
    else if (chance.int(3) === 0) await at.direct.remove("IPPool", name);
    else {
      const annotations = { round: String(round) };
      await at.direct.patch("IPPool", name, { metadata: { annotations } });
    }
    await Bun.sleep(2);
  }
  at.proxy.setTrouble(undefined);
  const versions = (list: readonly Kinds["IPPool"][]) =>
    list.map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort();
  const wanted = versions((await at.direct.list("IPPool")).items);
  await eventually("the copy", async () => {
    const seen = versions(store.list());
    return seen.join() === wanted.join() ? { value: true } : { not: `${seen} for ${wanted}` };
  });
  expect([...told].map(([name, version]) => `${name}@${version}`).sort()).toEqual(wanted);
  stop.abort();
}, 60_000);

function isForReads(kind: ApiFault): boolean {
  return kind !== "409" && !kind.startsWith("done-");
}

test("createKube: what a write says it did was done, and what it says it did not may have been, never twice", async () => {
  await using at = await world(43, 10_000);
  at.proxy.setTrouble({ share: 0.4, hangMs: 100, watchMs: 200 });
  let done = 0;
  for (let i = 0; i < 25; i++) {
    const outcome = await at.troubled.create("IPPool", fresh(`p${i}`)).then(() => "made", codeOf);
    const stored = await at.direct.get("IPPool", `p${i}`);
    if (outcome === "made") {
      done++;
      expect(stored?.metadata.generation ?? 1).toBe(1);
      expect(stored).toBeDefined();
    } else expect(["Unavailable", "Conflict", "AlreadyExists"]).toContain(outcome ?? "");
  }
  // A missing object is one that the server says is missing: no other answer leads there.
  for (let i = 0; i < 25; i++) {
    const stored = await at.direct.get("IPPool", `p${i}`);
    const seen = await at.troubled.get("IPPool", `p${i}`).then(
      (o) => (o ? "there" : "missing"),
      () => "failed",
    );
    if (seen !== "failed") expect(`p${i} ${seen}`).toBe(`p${i} ${stored ? "there" : "missing"}`);
  }
  expect(done).toBeGreaterThan(10);
}, 60_000);
