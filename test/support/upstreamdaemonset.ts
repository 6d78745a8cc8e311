import type { Kinds } from "../../src/lib/kube/kube.ts";
import { upstreamConfig } from "./objects.ts";

/** The DaemonSet that v1.3.1 makes from its default Config: its own metadata carries no label. */
export function upstreamDaemonSet(namespace: string): Kinds["DaemonSet"] {
  const { daemon } = upstreamConfig().spec;
  const mounts = daemon.mounts ?? [];
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "multi-nicd", namespace },
    spec: {
      selector: { matchLabels: { app: "multi-nicd" } },
      template: {
        metadata: { labels: { app: "multi-nicd" } },
        spec: {
          hostNetwork: true,
          priorityClassName: "system-cluster-critical",
          serviceAccountName: "multi-nic-cni-operator-controller-manager",
          containers: [
            {
              name: "multi-nicd",
              image: daemon.image,
              env: [
                ...(daemon.env ?? []),
                { name: "K8S_NODENAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
                { name: "OF_EARLIER_DAYS", value: "1" },
              ],
              ports: [{ containerPort: 11000, hostPort: 11000 }],
              resources: daemon.resources,
              securityContext: { privileged: true },
              volumeMounts: mounts.map(({ name, podpath }) => ({ name, mountPath: podpath })),
            },
          ],
          volumes: mounts.map(({ name, hostpath }) => ({ name, hostPath: { path: hostpath } })),
        },
      },
    },
  };
}
