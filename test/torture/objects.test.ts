import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KindName } from "../../src/lib/kube/kube.ts";
import { pathOf } from "../../src/lib/kube/resources.ts";
import { startApiServer } from "../../src/lib/lab/api-server.ts";
import { connect } from "../contract/api-client.ts";
import { runsOf } from "../support/fuzz.ts";
import { multinic, until } from "../support/lab.ts";
import { mutateJson } from "../support/mutate.ts";
import { hostInterfaceOf, ownConfig } from "../support/objects.ts";
import { openCrds } from "../support/opencrd.ts";
import { operatorNamespace } from "../support/operatorworld.ts";
import { random } from "../support/random.ts";
import { sampleDocuments } from "../support/samples.ts";

const runs = runsOf(3000);
const names = Array.from({ length: 40 }, (_, i) => `m${i}`);
const deviceClass = {
  apiVersion: "multinic.fms.io/v1",
  kind: "DeviceClass",
  metadata: { name: "fast" },
  spec: { ids: [{ vendor: "15b3", products: ["1021"] }] },
};

interface Seed {
  readonly kind: KindName;
  readonly spec: unknown;
  readonly status?: unknown;
}

async function seeds(): Promise<Seed[]> {
  const files = ["network.yaml", "hostinterfaces.yaml", "cidr.yaml", "ippools.yaml"];
  const samples = await Promise.all(files.map((file) => sampleDocuments("ipvlan-l3", file)));
  return [...samples.flat(), ownConfig(), deviceClass] as Seed[];
}

/** Runs the operator's own program against an API server whose CRDs store anything, and the worked example's host. */
async function world() {
  const folder = mkdtempSync(join(tmpdir(), "multinic-objects-"));
  const server = await startApiServer({ objects: openCrds() });
  const api = connect(server.kubeconfig());
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, server.kubeconfig());
  const make = async (kind: KindName, body: object) =>
    expect((await api.call("POST", pathOf(kind), { body })).status).toBe(201);
  // Without its namespace there is no lease, and without a lease nobody leads.
  for (const [kind, name] of [
    ["Namespace", operatorNamespace],
    ["Node", "host1"],
  ] as const)
    await make(kind, { apiVersion: "v1", kind, metadata: { name } });
  await make("HostInterface", hostInterfaceOf(1));
  const operator = Bun.spawn(
    [multinic, "operator", "--kubeconfig", kubeconfig, "--health-port=0", "--log-level=info"],
    {
      env: { PATH: "/usr/bin:/bin", OPERATOR_IMAGE: "i" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const said = { log: "" };
  const reading = [operator.stdout, operator.stderr].map(async (stream) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) said.log += decoder.decode(chunk, { stream: true });
  });
  return {
    api,
    make,
    operator,
    said,
    async [Symbol.asyncDispose]() {
      operator.kill("SIGTERM");
      await operator.exited;
      await Promise.all(reading);
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

test(`the operator leads through ${runs} mutated objects that no schema kept out, and serves sound networks beside them`, async () => {
  await using at = await world();
  const { api, make, operator, said } = at;
  await until(
    "an operator that leads",
    async () => said.log,
    (log) => log.includes('"leading"'),
  );
  const of = random(91);
  const from = await seeds();
  const sound = async (name: string, subnet: string) => {
    const [network] = await sampleDocuments("ipvlan-l3", "network.yaml");
    const spec: unknown = typeof network === "object" ? Reflect.get(network ?? {}, "spec") : {};
    await make("MultiNicNetwork", {
      ...(network as object),
      metadata: { name },
      spec: { ...(spec as object), subnet, masterNets: ["10.0.1.0/24", "10.0.2.0/24"] },
    });
    const path = `${pathOf("MultiNicNetwork")}/${name}`;
    await until(
      `network ${name}`,
      async () => (await api.call("GET", path)).body.status,
      (status) => status?.configStatus === "Success" && status.discovery.cidrProcessed === 1,
    );
  };
  let stored = 0;
  for (let i = 0; i < runs; i++) {
    const { kind, spec, status } = of.pick(from);
    const mutated = mutateJson({ spec, status }, of);
    const name = of.pick(names);
    const body = {
      ...(typeof mutated === "object" ? mutated : {}),
      apiVersion: "multinic.fms.io/v1",
      kind,
      metadata: { name },
    };
    const path = `${pathOf(kind)}/${name}`;
    if (of.int(5) === 0) await api.call("DELETE", path);
    const made = await api.call("POST", pathOf(kind), { body });
    const type = "application/merge-patch+json";
    const answer = made.status === 409 ? await api.call("PATCH", path, { type, body }) : made;
    if (answer.status < 300) stored++;
    expect(operator.exitCode, `seed 91, run ${i}: ${said.log.slice(-2000)}`).toBeNull();
    if (i === Math.floor(runs / 2)) await sound("middle", "172.16.0.0/16");
  }
  expect(stored).toBeGreaterThan(runs / 2);
  await sound("last", "172.17.0.0/16");
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${operator.pid}/status`, "utf8"))?.[1];
  expect(Number(peak)).toBeLessThan(400 * 1024);
  expect(said.log).not.toMatch(/TypeError|RangeError|is not a function|undefined is|is not an obj/);
}, 600_000);
