import { expect } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";
import { parseAllDocuments } from "yaml";
import { applyPatch, type Case, type Contract, mergePatch, until } from "./contract-case.ts";

const manifests = join(import.meta.dir, "../../manifests");
const ours = "/apis/multinic.fms.io/v1";
const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Record<string, unknown>;
}

async function documentsOf(pattern: string): Promise<Manifest[]> {
  const files = [...new Glob(pattern).scanSync(manifests)].sort();
  const texts = await Promise.all(files.map((file) => Bun.file(join(manifests, file)).text()));
  return texts
    .flatMap((text) => parseAllDocuments(text).map((document): Manifest => document.toJS()))
    .filter((document) => document?.apiVersion?.includes("/"));
}

const plurals: Record<string, string> = {
  MultiNicNetwork: "multinicnetworks",
  HostInterface: "hostinterfaces",
  CIDR: "cidrs",
  IPPool: "ippools",
  DeviceClass: "deviceclasses",
  Config: "configs",
};

/** Installs our CRDs from manifests/ where they are not there yet, runs, and removes those that it made. */
async function withKinds(c: Contract, run: () => Promise<void>): Promise<void> {
  const definitions = (await documentsOf("crd/*.yaml")).filter((d) => d.spec?.["group"]);
  expect(definitions).toHaveLength(Object.keys(plurals).length);
  const made: string[] = [];
  for (const body of definitions) {
    const { status } = await c.api.call("POST", crds, { body });
    if (status === 201) made.push(body.metadata.name);
    else expect(status).toBe(409);
  }
  for (const plural of Object.values(plurals))
    await until(
      () => c.api.call("GET", `${ours}/${plural}`),
      (answer) => answer.status === 200,
    );
  try {
    await run();
  } finally {
    for (const name of made) {
      await c.api.call("DELETE", `${crds}/${name}`);
      await until(
        () => c.api.call("GET", `${crds}/${name}`),
        (answer) => answer.status === 404,
      );
    }
  }
}

export const kindCases: readonly Case[] = [
  {
    name: "our CRDs are accepted, and every sample of ours by them, strictly",
    async run(c) {
      const samples = (await documentsOf("samples/*.yaml")).filter((s) => s.kind in plurals);
      expect(samples.length).toBeGreaterThan(3);
      await withKinds(c, async () => {
        for (const sample of samples) {
          const path = `${ours}/${plurals[sample.kind]}/${sample.metadata.name}`;
          const query = "fieldManager=contract&fieldValidation=Strict&dryRun=All";
          const { status, body } = await c.api.call("PATCH", `${path}?${query}`, {
            type: applyPatch,
            body: sample,
          });
          expect([status, body.message]).toEqual([201, undefined]);
        }
      });
    },
  },
  {
    name: "a network without plugin is refused at its field, an unknown key when asked strictly",
    async run(c) {
      await withKinds(c, async () => {
        const network = (spec: object) => ({
          apiVersion: "multinic.fms.io/v1",
          kind: "MultiNicNetwork",
          metadata: { name: c.name("net") },
          spec,
        });
        const path = `${ours}/multinicnetworks?fieldValidation=Strict&dryRun=All`;
        const bare = await c.api.call("POST", path, { body: network({ ipam: "{}" }) });
        expect(bare.status).toBe(422);
        expect(bare.body.details.causes).toContainEqual({
          reason: "FieldValueRequired",
          message: "Required value",
          field: "spec.plugin",
        });
        const odd = await c.api.call("POST", path, {
          body: network({ ipam: "{}", plugin: { type: "ipvlan" }, zork: 1 }),
        });
        expect(odd.status).toBe(400);
        expect(odd.body.message).toContain('unknown field "spec.zork"');
      });
    },
  },
  {
    name: "a HostInterface is written by its spec and its status apart",
    async run(c) {
      await withKinds(c, async () => {
        const name = c.name("host");
        const path = `${ours}/hostinterfaces`;
        const interfaces = [
          { interfaceName: "eth1", netAddress: "10.0.1.0/24", hostIP: "10.0.1.2" },
        ];
        const made = await c.api.call("POST", path, {
          body: {
            apiVersion: "multinic.fms.io/v1",
            kind: "HostInterface",
            metadata: { name },
            spec: { hostName: name, interfaces },
          },
        });
        expect(made.status).toBe(201);
        const status = {
          networks: [{ name: "n", wanted: 2, applied: 2, failures: [], podCIDRs: ["10.1.0.0/24"] }],
        };
        const written = await c.api.call("PATCH", `${path}/${name}/status`, {
          type: mergePatch,
          body: { status, spec: { hostName: "other" } },
        });
        expect(written.body.spec).toEqual({ hostName: name, interfaces });
        expect(written.body.status.networks).toEqual(status.networks);
        expect(written.body.metadata.generation).toBe(1);
        await c.api.call("DELETE", `${path}/${name}`);
      });
    },
  },
];
