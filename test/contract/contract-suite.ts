import { afterAll, beforeAll, describe, test } from "bun:test";
import { type Api, connect } from "./api-client.ts";
import { applyCases } from "./apply-cases.ts";
import type { Case, Contract } from "./contract-case.ts";
import { until } from "./contract-case.ts";
import { contractCrds } from "./contract-crds.ts";
import { deleteCases } from "./delete-cases.ts";
import { deviceCases } from "./device-cases.ts";
import { discoveryCases } from "./discovery-cases.ts";
import { kindCases } from "./kind-cases.ts";
import { listCases } from "./list-cases.ts";
import { ownerCases } from "./owner-cases.ts";
import { patchCases } from "./patch-cases.ts";
import { realCases } from "./real-cases.ts";
import { validationCases } from "./validation-cases.ts";
import { watchCases } from "./watch-cases.ts";
import { writeCases } from "./write-cases.ts";

export interface Server {
  readonly kubeconfig: string;
  readonly isReal: boolean;
  /** Collects dependents and empties namespaces. */
  readonly hasControllers: boolean;
  readonly compact?: () => Promise<void>;
  stop(): Promise<void>;
}

const groups: readonly (readonly [string, readonly Case[]])[] = [
  ["writes", writeCases],
  ["patches", patchCases],
  ["server-side apply", applyCases],
  ["validation", validationCases],
  ["lists", listCases],
  ["watches", watchCases],
  ["deletion", deleteCases],
  ["owners and namespaces", ownerCases],
  ["discovery", discoveryCases],
  ["our kinds", kindCases],
  ["other operators' kinds", deviceCases],
  ["what only a real server has", realCases],
];

/** Registers every case of the contract against one server. */
export function describeContract(title: string, start: () => Promise<Server>, kind: Kind): void {
  describe(title, () => {
    const run = crypto.randomUUID().slice(0, 8);
    const group = `c${run}.contract.example.com`;
    let server: Server | undefined;
    let api: Api | undefined;
    let serial = 0;
    beforeAll(async () => {
      server = await start();
      api = connect(server.kubeconfig);
      await installCrds(api, group);
      // A first run builds the commands of a real control plane.
    }, 1_800_000);
    afterAll(async () => {
      if (api) await removeCrds(api, group);
      await server?.stop();
    }, 60_000);
    for (const [subject, cases] of groups)
      describe(subject, () => {
        for (const one of cases) {
          if (one.realOnly !== undefined && !kind.isReal) continue;
          if (one.needsControllers && !kind.hasControllers) continue;
          if (one.needsWatchProgress && kind.lacksWatchProgress) continue;
          test(one.name, async () => {
            if (!api || !server) throw new Error("no server");
            serial++;
            const contract = await prepare(api, { group, run, serial, server });
            await one.run(contract);
            await api.call("DELETE", `/api/v1/namespaces/${contract.namespace}`);
          }, 60_000);
        }
      });
  });
}

/** What is known of a server before it is started: it decides which cases exist. */
export interface Kind {
  readonly isReal: boolean;
  readonly hasControllers: boolean;
  /** Its etcd is too old for the reference to stream lists (3.4.31 is the first of 3.4 that can). */
  readonly lacksWatchProgress?: true;
}

async function prepare(
  api: Api,
  at: { group: string; run: string; serial: number; server: Server },
): Promise<Contract> {
  const { group, run, serial, server } = at;
  const namespace = `contract-${run}-${serial}`;
  const made = await api.call("POST", "/api/v1/namespaces", {
    body: { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
  });
  if (made.status !== 201) throw new Error(`namespace: ${JSON.stringify(made.body)}`);
  return {
    api,
    group,
    namespace,
    widgets: `/apis/${group}/v1/namespaces/${namespace}/widgets`,
    gadgets: `/apis/${group}/v1/gadgets`,
    compact: server.compact,
    name: (base) => `${base}-${run}-${serial}`,
  };
}

const crdPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

async function installCrds(api: Api, group: string): Promise<void> {
  for (const body of contractCrds(group)) {
    const made = await api.call("POST", crdPath, { body });
    if (made.status !== 201) throw new Error(`CRD: ${JSON.stringify(made.body)}`);
  }
  for (const plural of ["widgets", "gadgets"])
    await until(
      () => api.call("GET", `/apis/${group}/v1/${plural}`),
      (answer) => answer.status === 200,
    );
  // The reference publishes a CRD's schema a little after it serves the kind.
  await until(
    () => api.call("GET", "/openapi/v3"),
    (answer) => `apis/${group}/v1` in answer.body.paths,
  );
}

async function removeCrds(api: Api, group: string): Promise<void> {
  for (const plural of ["widgets", "gadgets"])
    await api.call("DELETE", `${crdPath}/${plural}.${group}`);
}
