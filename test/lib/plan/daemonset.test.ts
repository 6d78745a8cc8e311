import { expect, test } from "bun:test";
import type { Config } from "../../../src/lib/api/kinds.ts";
import { daemonSet } from "../../../src/lib/plan/daemonset.ts";
import { ownConfig, upstreamConfig } from "../../support/objects.ts";

const sources = { namespace: "multi-nic-cni-operator", image: "registry.example/multinic:9" };

function container(config: Config) {
  const [only] = daemonSet(config, sources).spec.template.spec.containers;
  if (only === undefined) throw new Error("no container");
  return only;
}
const withDaemon = (daemon: Partial<Config["spec"]["daemon"]>) =>
  ownConfig({ daemon: { image: "registry.example/multinic:1", port: 11000, ...daemon } });

test("daemonSet keeps v1.3's name, container name, namespace and immutable selector", () => {
  const made = daemonSet(upstreamConfig(), sources);
  expect(made.metadata).toMatchObject({ name: "multi-nicd", namespace: "multi-nic-cni-operator" });
  expect(made.spec.selector).toEqual({ matchLabels: { app: "multi-nicd" } });
  expect(made.spec.template.metadata.labels).toEqual({ app: "multi-nicd" });
  expect(made.spec.template.spec).toMatchObject({
    hostNetwork: true,
    priorityClassName: "system-node-critical",
  });
  expect(container(upstreamConfig()).name).toBe("multi-nicd");
});

test.each([
  ["registry.example/multi-nic-cni-daemon:v1.3.2", "registry.example/multinic:9"],
  ["multi-nic-cni-daemon:v1.2.0", "registry.example/multinic:9"],
  ["", "registry.example/multinic:9"],
  ["registry.example/multinic:1", "registry.example/multinic:1"],
  [
    "registry.example/my-multi-nic-cni-daemon:v1.3.2",
    "registry.example/my-multi-nic-cni-daemon:v1.3.2",
  ],
])("daemonSet makes of image %p %p", (image, wanted) => {
  expect(container(withDaemon({ image })).image).toBe(wanted);
});

test("daemonSet refuses v1.3's image when the operator's own is not known", () => {
  expect(() => daemonSet(upstreamConfig(), { namespace: "n" })).toThrow(
    "Cannot make nicd's DaemonSet: spec.daemon.image: is",
  );
});

test.each<[string, Record<string, unknown> | undefined, boolean]>([
  ["none", undefined, true],
  ["an empty one", {}, true],
  ["v1.3's default", { privileged: true }, true],
  ["the user's", { privileged: true, seLinuxOptions: { type: "spc_t" } }, false],
])("daemonSet with %s as securityContext", (_, securityContext, least) => {
  const given = container(withDaemon({ ...(securityContext && { securityContext }) }));
  if (!least) expect(given.securityContext).toEqual(securityContext ?? {});
  else {
    expect(given.securityContext).toMatchObject({
      privileged: false,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
    });
  }
});

test("daemonSet honours every field of Config's daemon", () => {
  const config = withDaemon({
    imagePullSecretName: "pull",
    imagePullPolicy: "Always",
    nodeSelector: { role: "gpu" },
    tolerations: [{ operator: "Exists" }],
    env: [
      { name: "K8S_NODENAME", value: "mine" },
      { name: "A", value: "1" },
    ],
    envFrom: [{ configMapRef: { name: "c" } }],
    mounts: [{ name: "extra", podpath: "/extra", hostpath: "/srv/extra" }],
    resources: { limits: { memory: "128Mi" } },
    port: 12000,
  });
  const pod = daemonSet(config, sources).spec.template.spec;
  expect(pod).toMatchObject({
    imagePullSecrets: [{ name: "pull" }],
    nodeSelector: { role: "gpu" },
    tolerations: [{ operator: "Exists" }],
  });
  expect(pod.volumes).toContainEqual({ name: "extra", hostPath: { path: "/srv/extra", type: "" } });
  const made = container(config);
  expect(made).toMatchObject({
    args: ["nicd", "--health-port=12000"],
    imagePullPolicy: "Always",
    envFrom: [{ configMapRef: { name: "c" } }],
    resources: { limits: { memory: "128Mi" } },
    readinessProbe: { httpGet: { path: "/readyz", port: 12000 } },
    livenessProbe: { httpGet: { path: "/healthz", port: 12000 } },
  });
  expect(made.env.map((variable) => variable["name"])).toEqual([
    "K8S_NODENAME",
    "A",
    "MULTINIC_IPROUTE2_DIR",
    "MULTINIC_CNI_DIR",
    "MULTINIC_HOST_USR",
  ]);
  expect(made.env[0]).toEqual({ name: "K8S_NODENAME", value: "mine" });
  expect(made.volumeMounts).toContainEqual({ name: "extra", mountPath: "/extra" });
});

test.each<[string, Config, string | undefined, string]>([
  ["where Multus has it", upstreamConfig(), "/opt/multus/bin", "/opt/multus/bin"],
  ["where v1.3's Config has it", upstreamConfig(), undefined, "/var/lib/cni/bin"],
  ["in /opt/cni/bin otherwise", ownConfig(), undefined, "/opt/cni/bin"],
])("daemonSet mounts the host's CNI folder %s", (_, config, cniBinDir, path) => {
  const { volumes } = daemonSet(config, { ...sources, cniBinDir }).spec.template.spec;
  expect(volumes).toContainEqual({ name: "cnibin", hostPath: { path, type: "DirectoryOrCreate" } });
});

test("daemonSet mounts each path once, and the folder instead of v1.3's rt_tables file", () => {
  for (const config of [upstreamConfig(), ownConfig()]) {
    const pod = daemonSet(config, sources).spec.template.spec;
    const mounts = container(config).volumeMounts;
    const names = pod.volumes.map((volume) => volume["name"]);
    expect(mounts.map((mount) => mount["name"])).toEqual(names);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(mounts.map((mount) => mount["mountPath"])).size).toBe(mounts.length);
    expect(JSON.stringify(pod.volumes)).not.toContain("rt_tables");
    expect(names).toContain("iproute2");
    expect(mounts).toContainEqual({
      name: "netns",
      mountPath: "/run/netns",
      readOnly: true,
      mountPropagation: "HostToContainer",
    });
  }
});

test("daemonSet does not change with what nicd reads on the fly", () => {
  const quiet = daemonSet(ownConfig(), sources);
  const loud = daemonSet(
    ownConfig({ logLevel: 127, urgentReconcileSeconds: 1, cniVersion: "1.1.0" }),
    sources,
  );
  expect(loud).toEqual(quiet);
});
