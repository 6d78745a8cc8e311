import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { apiVersion } from "../../src/lib/api/meta.ts";
import { eventually } from "../../src/lib/lab/eventually.ts";
import { multinicImage } from "./images.ts";
import { sysOnNode } from "./node.ts";
import type { RealCluster } from "./real-cluster.ts";
import type { Scenario } from "./scenario.ts";
import { thickLabel, thickMultus } from "./thick-multus.ts";

/** Namespace of operator and nicd. */
export const namespace = "multi-nic-cni-operator";

const manifests = join(import.meta.dir, "../../manifests");
const sysInPod = "/host/lab-sys";

/** Writes an overlay of manifests/ that names the image which the nodes hold, and returns its folder for `apply -k`. */
export function writeOverlay(folder: string): string {
  const overlay = join(folder, "overlay");
  mkdirSync(overlay, { recursive: true });
  const [newName, newTag] = multinicImage.split(":");
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: [relative(overlay, manifests)],
    images: [{ name: "multinic", newName, newTag }],
  };
  writeFileSync(join(overlay, "kustomization.yaml"), JSON.stringify(kustomization));
  return overlay;
}

/** Installs Multus' daemon on the second node, then operator and nicd as the README says, and waits for both. */
export async function installInto(cluster: RealCluster, on: Scenario): Promise<void> {
  await on.must(["apply", "--server-side", "-f", join(import.meta.dir, definitions)]);
  await on.must(["label", "node", "node2", `${thickLabel}=thick`]);
  await on.apply(...thickMultus());
  const rolledOut = (where: string, what: string) =>
    on.must(["-n", where, "rollout", "status", "--timeout=90s", what]);
  await on.must([
    "apply",
    "--server-side",
    "--validate=strict",
    "-k",
    writeOverlay(cluster.folder),
  ]);
  await rolledOut(namespace, "deploy/multi-nic-cni-operator-controller-manager");
  await on.apply(nicdConfig());
  await eventually("nicd's DaemonSet", async () => {
    const sets = await on.items(`/apis/apps/v1/namespaces/${namespace}/daemonsets`);
    return sets.length === 1 ? { value: true } : { not: "none" };
  });
  await rolledOut(namespace, "ds/multi-nicd");
  await rolledOut("kube-system", "ds/kube-multus-ds");
}

const definitions = "network-attachment-definitions.yaml";

/** The Config that makes nicd's DaemonSet, of the operator's own image unless another is named; NICs are veth pairs here, so a made tree tells of their PCI functions. */
export function nicdConfig(image = "") {
  return {
    apiVersion,
    kind: "Config",
    metadata: { name: "multi-nicd" },
    spec: {
      cniType: "multi-nic",
      ipamType: "multi-nic-ipam",
      daemon: {
        image,
        imagePullPolicy: "Never",
        port: 11_000,
        tolerations: [{ operator: "Exists" }],
        env: [{ name: "MULTINIC_SYS_ROOT", value: sysInPod }],
        mounts: [{ name: "lab-sys", podpath: sysInPod, hostpath: sysOnNode }],
        resources: { requests: { cpu: "100m", memory: "50Mi" } },
      },
    },
  };
}

/** The worked example's network, with macvlan because the tests' kernels have it; or as ipvlan l3. */
export function planesNetwork(name = "planes", subnet = "192.168.0.0/16", type = "macvlan") {
  const ipam = { type: "multi-nic-ipam", interfaceBlock: 2, hostBlock: 6, vlanMode: "l3" };
  return {
    apiVersion,
    kind: "MultiNicNetwork",
    metadata: { name },
    spec: {
      subnet,
      ipam: JSON.stringify(ipam),
      multiNICIPAM: true,
      plugin: { cniVersion: "1.0.0", type, args: { mode: type === "macvlan" ? "bridge" : "l3" } },
    },
  };
}
