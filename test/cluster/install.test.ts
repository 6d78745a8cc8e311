import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { connectKube } from "../../src/lib/kube/connect.ts";
import type { Kinds, Kube } from "../../src/lib/kube/kube.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runOperator } from "../../src/lib/operator/operator.ts";
import { daemonSet } from "../../src/lib/plan/daemonset.ts";
import type { Api } from "../contract/api-client.ts";
import { kubectl, until } from "../support/kubectl.ts";
import { upstreamConfig } from "../support/objects.ts";
import { upstreamDaemonSet } from "../support/upstreamdaemonset.ts";
import { type Installed, install, namespace } from "./applied.ts";
import { openshiftCrd } from "./openshift-crd.ts";

const image = "registry.example/multinic:1";
let world: Installed;
let admin: Api;
beforeAll(async () => {
  world = await install();
  admin = world.admin;
}, 900_000);
afterAll(() => world?.stop());

test("kubectl apply -k manifests/ warns of nothing, and changes nothing the second time", async () => {
  expect(world.said).not.toMatch(/warning/i);
  const args = ["apply", "--server-side", "--validate=strict", "-k"];
  const manifests = join(import.meta.dir, "../../manifests");
  const { kubeconfigPath } = world.plane;
  const versions = async () => {
    const { body } = await admin.call(
      "GET",
      `/apis/apiextensions.k8s.io/v1/customresourcedefinitions`,
    );
    return body.items.map((one: Kinds["Event"]) => [one.metadata.name, one.metadata.generation]);
  };
  const before = await versions();
  expect(await kubectl([...args, manifests], undefined, kubeconfigPath)).toMatchObject({
    ok: true,
  });
  expect(await versions()).toEqual(before);
});

test("kubectl apply -k manifests/openshift is what OpenShift's own definition of SecurityContextConstraints takes", async () => {
  const { kubeconfigPath } = world.plane;
  const args = ["apply", "--server-side", "--validate=strict"];
  const definition = await openshiftCrd("securitycontextconstraints");
  const defined = await kubectl([...args, "-f", definition], undefined, kubeconfigPath);
  expect(defined).toEqual({ ok: true, text: defined.text });
  const overlay = ["-k", join(import.meta.dir, "../../manifests/openshift")];
  await until(
    async () => (await kubectl([...args, ...overlay], undefined, kubeconfigPath)).ok,
    "the overlay to be taken",
  );
  const spoiled = {
    apiVersion: "security.openshift.io/v1",
    kind: "SecurityContextConstraints",
    metadata: { name: "spoiled" },
    allowedCapabilities: "NET_ADMIN",
  };
  const refused = await kubectl([...args, "-f", "-"], spoiled, kubeconfigPath);
  expect(refused).toMatchObject({ ok: false });
});

describe("the operator, with its own service account", () => {
  const where = { namespace };
  let kube: Kube;
  let stop: AbortController;
  let ended: Promise<void>;

  beforeAll(async () => {
    kube = await connectKube({ kubeconfig: world.plane.kubeconfigPath });
    const account = "multi-nic-cni-operator-controller-manager";
    const file = world.fileOf(await world.kubeconfigOf(account));
    await kube.create("DaemonSet", upstreamDaemonSet(namespace));
    await kube.create("Config", { ...upstreamConfig(), metadata: { name: "multi-nicd" } });
    stop = new AbortController();
    ended = runOperator(
      {
        kube: await connectKube({ kubeconfig: file }),
        namespace,
        image,
        identity: "test",
        log: silentLog,
        now: Date.now,
        sha256: (text) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
        elect: true,
      },
      stop.signal,
    );
  });
  afterAll(async () => {
    stop?.abort();
    await ended?.catch(() => {});
  });
  // biome-ignore lint/suspicious/noExplicitAny: the pod template is the server's own shape
  const podOf = (one: Kinds["DaemonSet"] | undefined): any => (one?.spec as any)?.template?.spec;

  test("takes v1.3.1's DaemonSet over: volumes, mounts, variables, privileges", async () => {
    const read = () => kube.get("DaemonSet", "multi-nicd", where);
    await until(async () => podOf(await read())?.containers[0].image === image, "the takeover");
    const pod = podOf(await read());
    const wanted = daemonSet(upstreamConfig(), { ...where, image }).spec.template.spec;
    const names = (list: readonly Record<string, unknown>[]) => list.map((o) => o["name"]).sort();
    expect(names(pod.volumes)).toEqual(names(wanted.volumes));
    const [container] = wanted.containers;
    expect(names(pod.containers[0].env)).toEqual(names(container?.env ?? []));
    expect(names(pod.containers[0].volumeMounts)).toEqual(names(container?.volumeMounts ?? []));
    expect(pod.containers[0].securityContext).toMatchObject({
      privileged: false,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
    });
    expect(pod.serviceAccountName).toBe("multi-nicd");
    expect(pod.serviceAccount).toBe("multi-nicd");
  });

  test("follows Config: a variable that goes is gone, and applying again changes nothing", async () => {
    const env = [{ name: "ONLY", value: "1" }];
    await kube.patch("Config", "multi-nicd", { spec: { daemon: { env } } });
    const named = async () => {
      const one = await kube.get("DaemonSet", "multi-nicd", where);
      return podOf(one).containers[0].env.map((v: { name: string }) => v.name);
    };
    await until(async () => (await named()).includes("ONLY"), "the variable");
    expect(await named()).not.toContain("RT_TABLE_PATH");
    const generation = async () =>
      (await kube.get("DaemonSet", "multi-nicd", where))?.metadata.generation ?? 0;
    const before = await generation();
    await kube.patch("Config", "multi-nicd", { metadata: { annotations: { a: "b" } } });
    // What nicd reads itself is not in the DaemonSet: no roll.
    await kube.patch("Config", "multi-nicd", { spec: { logLevel: 7 } });
    await kube.patch("Config", "multi-nicd", { spec: { daemon: { port: 12000 } } });
    await until(async () => (await generation()) > before, "the port");
    expect(await generation()).toBe(before + 1);
  });

  test("takes the DaemonSet away with its Config", async () => {
    await kube.remove("Config", "multi-nicd");
    const gone = async () =>
      (await kube.get("Config", "multi-nicd")) === undefined &&
      (await kube.get("DaemonSet", "multi-nicd", where))?.metadata.deletionTimestamp === undefined;
    await until(gone, "the end of Config");
    await until(
      async () => (await kube.get("DaemonSet", "multi-nicd", where)) === undefined,
      "the end of the DaemonSet",
    );
  });
});
