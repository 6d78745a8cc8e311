import { expect, test } from "bun:test";
import { parseAllDocuments } from "yaml";
import { daemonSet } from "../../../src/lib/plan/daemonset.ts";
import { ownConfig } from "../../support/objects.ts";

const file = new URL("../../../manifests/openshift/scc.yaml", import.meta.url);
const [constraints, binding] = parseAllDocuments(await Bun.file(file).text()).map((one) =>
  one.toJS(),
);
const made = daemonSet(ownConfig({}), { namespace: "multi-nic-cni-operator", image: "i" });
const { metadata, spec } = JSON.parse(JSON.stringify(made));
const pod = spec.template.spec;

test("manifests/openshift lets nicd's service account, and nobody else, do what its DaemonSet asks", () => {
  const account = `system:serviceaccount:${metadata.namespace}:${pod.serviceAccountName}`;
  expect([constraints.users, constraints.groups]).toEqual([[account], []]);
  expect(constraints).toMatchObject({
    allowHostNetwork: pod.hostNetwork,
    allowHostPID: pod.hostPID ?? false,
    allowHostIPC: pod.hostIPC ?? false,
    allowHostDirVolumePlugin: true,
  });
  const kinds = (pod.volumes as object[]).flatMap((volume) => Object.keys(volume));
  const wanted = new Set(kinds.filter((kind) => kind !== "name"));
  expect(wanted).toContain("hostPath");
  expect(constraints.volumes).toEqual(expect.arrayContaining([...wanted]));
  expect(pod.containers).toHaveLength(1);
  const { securityContext: asked } = pod.containers[0];
  expect(constraints).toMatchObject({
    allowPrivilegedContainer: asked.privileged,
    allowPrivilegeEscalation: asked.allowPrivilegeEscalation,
    allowedCapabilities: asked.capabilities.add,
    requiredDropCapabilities: asked.capabilities.drop,
    readOnlyRootFilesystem: asked.readOnlyRootFilesystem,
  });
  expect(asked.seccompProfile).toEqual({ type: "RuntimeDefault" });
  expect(constraints.seccompProfiles).toEqual(["runtime/default"]);
  // OpenShift puts it on pods that ask for none.
  expect([asked.seLinuxOptions, constraints.seLinuxContext.seLinuxOptions]).toEqual([
    undefined,
    { type: "spc_t" },
  ]);
  expect(binding.subjects[0].namespace).toBe(metadata.namespace);
});
