import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { crd } from "../../src/lib/api/crd.ts";
import { multiNicNetwork } from "../../src/lib/api/multinicnetwork.ts";
import { daemonSet } from "../../src/lib/plan/daemonset.ts";
import { definition } from "../../src/lib/plan/definition.ts";
import { crdCases } from "../support/crdcases.ts";
import { kubectl, until } from "../support/kubectl.ts";
import { network, ownConfig, upstreamConfig } from "../support/objects.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

const root = join(import.meta.dir, "../..");
const apply = ["apply", "--server-side", "--validate=strict", "--force-conflicts"];

/** A network as a manifest: no uid. */
function manifest(spec: Parameters<typeof network>[0], name: string) {
  return { ...network(spec, name), metadata: { name } };
}
const patch = (name: string, change: unknown, ...more: string[]) =>
  kubectl([
    "patch",
    "multinicnetwork",
    name,
    "--type=merge",
    "-p",
    JSON.stringify(change),
    ...more,
  ]);
const dryRun = (object: unknown) =>
  kubectl(["create", "--dry-run=server", "--validate=strict", "-f", "-"], object);

/** Waits until the CRD's rules are in force (`true`) or gone. */
async function rulesAre(inForce: boolean): Promise<void> {
  const bad = manifest({ subnet: "no subnet" }, "crd-probe");
  await until(async () => (await dryRun(bad)).ok !== inForce, "the API server's new schema");
}

/** A control plane of these tests' own, unless the caller named a cluster. */
let plane: ControlPlane | undefined;

beforeAll(async () => {
  if (!Bun.env["KUBECONFIG"]) {
    plane = await startControlPlane();
    Bun.env["KUBECONFIG"] = plane.kubeconfigPath;
  }
  const said = await kubectl([...apply, "-k", join(root, "manifests")]);
  if (!said.ok) throw new Error(said.text);
  await rulesAre(true);
});

afterAll(async () => {
  await kubectl(["delete", "multinicnetwork", "crd-moves", "crd-old", "--ignore-not-found"]);
  if (plane) delete Bun.env["KUBECONFIG"];
  await plane?.stop();
});

test.each(crdCases)("the API server judges $name", async ({ spec, refused }) => {
  const said = await dryRun(manifest(spec, "crd-case"));
  if (refused === undefined) expect(said).toEqual({ ok: true, text: said.text });
  else {
    expect(said.ok).toBe(false);
    expect(said.text).toContain(refused);
  }
});

test.each(["config.yaml", "samples"])("the API server takes manifests/%s", async (path) => {
  const said = await kubectl([...apply, "--dry-run=server", "-f", join(root, "manifests", path)]);
  expect(said).toEqual({ ok: true, text: said.text });
});

test("the API server takes every object of the samples in golden/", async () => {
  for (const glob of ["network", "hostinterfaces", "cidr", "ippools", "ippool.ours"]) {
    for (const file of new Bun.Glob(`*/${glob}.yaml`).scanSync(join(root, "test/golden/samples"))) {
      const path = join(root, "test/golden/samples", file);
      const said = await kubectl([...apply, "--dry-run=server", "-f", path]);
      expect([file, said.ok, said.text]).toEqual([file, true, said.text]);
    }
  }
});

test("the API server takes the definitions that we make, owner reference and all", async () => {
  const shape = join(import.meta.dir, "network-attachment-definitions.yaml");
  expect(await kubectl([...apply, "-f", shape])).toMatchObject({ ok: true });
  const made = definition(network({}, "crd-nad"), "default", { masterNets: [], config: undefined });
  const established = async () => (await dryRun(made)).ok;
  await until(established, "a NetworkAttachmentDefinition that is taken");
});

test("the API server takes nicd's DaemonSet", async () => {
  const sources = { namespace: "multi-nic-cni-operator", image: "registry.example/multinic:1" };
  for (const config of [ownConfig(), upstreamConfig()]) {
    const said = await dryRun(daemonSet(config, sources));
    expect(said).toEqual({ ok: true, text: said.text });
  }
});

test("spec.subnet can change until hosts have podCIDRs of it, and not after", async () => {
  const made = await kubectl([...apply, "-f", "-"], manifest({}, "crd-moves"));
  expect(made.ok).toBe(true);
  expect((await patch("crd-moves", { spec: { subnet: "10.0.0.0/16" } })).ok).toBe(true);
  const status = {
    computeResults: [],
    discovery: { existDaemon: 2, infoAvailable: 2, cidrProcessed: 2 },
    configStatus: "Success",
    routeStatus: "Success",
    message: "",
    lastSyncTime: "2026-01-01T00:00:00Z",
  };
  expect(await patch("crd-moves", { status }, "--subresource=status")).toMatchObject({ ok: true });

  for (const subnet of ["10.1.0.0/16", null]) {
    const refused = await patch("crd-moves", { spec: { subnet } });
    expect(refused.ok).toBe(false);
    expect(refused.text).toContain("spec.subnet cannot change once hosts have podCIDRs of it");
  }
  const other = await patch("crd-moves", { spec: { namespaces: ["default"], hostAccess: true } });
  expect(other).toMatchObject({ ok: true });
});

test("an object stored before the rules stays editable, and what is changed must be right", async () => {
  const made = crd(multiNicNetwork);
  const text = JSON.stringify(made, (key, value) =>
    ["x-kubernetes-validations", "enum", "pattern", "maxLength"].includes(key) ? undefined : value,
  );
  const crds = "customresourcedefinition";
  try {
    expect(await kubectl(["replace", "-f", "-"], JSON.parse(text))).toMatchObject({ ok: true });
    await rulesAre(false);
    const old = manifest(
      {
        subnet: "of earlier days",
        attachPolicy: { strategy: "best" },
        plugin: { type: "ipvlan", args: { mode: "odd", mtu: "x" } },
      },
      "crd-old",
    );
    expect(await kubectl([...apply, "-f", "-"], old)).toMatchObject({ ok: true });
  } finally {
    expect(await kubectl(["replace", "-f", "-"], made)).toMatchObject({ ok: true });
    await rulesAre(true);
  }
  expect((await kubectl(["get", crds, made.metadata.name])).ok).toBe(true);
  const edits = [
    { metadata: { finalizers: ["example.com/kept"] } },
    { metadata: { finalizers: null } },
    { spec: { namespaces: ["default"] } },
  ];
  for (const edit of edits) expect(await patch("crd-old", edit)).toMatchObject({ ok: true });
  const worse = await patch("crd-old", { spec: { subnet: "still wrong" } });
  expect(worse.ok).toBe(false);
  expect(worse.text).toContain("must be a CIDR");
});

test("kubectl get shows the columns of a network that is up", async () => {
  const said = await kubectl(["get", "mnn", "crd-moves"]);
  const [head = "", row = ""] = said.text.split("\n");
  expect(head.trim().split(/\s+/)).toEqual([
    "NAME",
    "STRATEGY",
    "CONFIG",
    "ROUTES",
    "HOSTS",
    "AGE",
  ]);
  expect(row.trim().split(/\s+/).slice(0, 5)).toEqual([
    "crd-moves",
    "none",
    "Success",
    "Success",
    "2",
  ]);
});
