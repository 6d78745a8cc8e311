import { multusImage } from "./images.ts";

/** Label of the nodes that run the daemon; the others have the thin plugin. */
export const thickLabel = "multinic.test/multus";

const namespace = "kube-system";
const name = "kube-multus-ds";

/** What the daemon reads at start: the keys and values of the release's own manifest. */
const daemonConfig = {
  chrootDir: "/hostroot",
  cniVersion: "0.3.1",
  logLevel: "verbose",
  logToStderr: true,
  cniConfigDir: "/host/etc/cni/net.d",
  multusAutoconfigDir: "/host/etc/cni/net.d",
  multusConfigFile: "auto",
  socketDir: "/host/run/multus/",
};

/** Host folder, where the daemon has it, and whether it sees mounts made later. */
const mounts = [
  ["cni", "/etc/cni/net.d", "/host/etc/cni/net.d"],
  ["cnibin", "/opt/cni/bin", "/opt/cni/bin"],
  ["hostroot", "/", "/hostroot", "HostToContainer"],
  ["host-run", "/run", "/host/run"],
  ["multus-state", "/var/lib/cni/multus", "/var/lib/cni/multus"],
  ["kubelet", "/var/lib/kubelet", "/var/lib/kubelet", "HostToContainer"],
  ["k8s-cni", "/run/k8s.cni.cncf.io", "/run/k8s.cni.cncf.io"],
  ["netns", "/run/netns", "/run/netns", "HostToContainer"],
  ["multus-conf", "/etc/cni/multus/net.d", "/etc/cni/multus/net.d"],
] as const;

/** Returns the objects of an installation of thick Multus v4, with the limits, rights and folders of the stock manifest. */
export function thickMultus(): Record<string, unknown>[] {
  const subject = { kind: "ServiceAccount", name: "multus", namespace };
  const labels = { name: "multus" };
  const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({
    apiGroups,
    resources,
    verbs,
  });
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "multus", namespace } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "multus" },
      rules: [
        rule(["k8s.cni.cncf.io"], ["*"], ["*"]),
        rule([""], ["pods", "pods/status"], ["get", "list", "update", "watch"]),
        rule(["", "events.k8s.io"], ["events"], ["create", "patch", "update"]),
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "multus" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "multus" },
      subjects: [subject],
    },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "multus-daemon-config", namespace },
      data: { "daemon-config.json": JSON.stringify(daemonConfig) },
    },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name, namespace, labels },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec() },
      },
    },
  ];
}

function podSpec() {
  const common = { image: multusImage, imagePullPolicy: "Never" };
  return {
    hostNetwork: true,
    hostPID: true,
    serviceAccountName: "multus",
    terminationGracePeriodSeconds: 10,
    tolerations: [{ operator: "Exists" }],
    nodeSelector: { [thickLabel]: "thick" },
    initContainers: [
      {
        ...common,
        name: "install-multus-binary",
        command: [
          "/usr/src/multus-cni/bin/install_multus",
          "-d",
          "/host/opt/cni/bin",
          "-t",
          "thick",
        ],
        resources: { requests: { cpu: "10m", memory: "15Mi" } },
        securityContext: { privileged: true },
        volumeMounts: [
          { name: "cnibin", mountPath: "/host/opt/cni/bin", mountPropagation: "Bidirectional" },
        ],
      },
    ],
    containers: [
      {
        ...common,
        name: "kube-multus",
        command: ["/usr/src/multus-cni/bin/multus-daemon"],
        env: [
          { name: "MULTUS_NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
        ],
        resources: {
          requests: { cpu: "100m", memory: "50Mi" },
          limits: { cpu: "100m", memory: "50Mi" },
        },
        securityContext: { privileged: true },
        volumeMounts: [
          ...mounts.map(([volume, , mountPath, mountPropagation]) => ({
            name: volume,
            mountPath,
            ...(mountPropagation && { mountPropagation }),
          })),
          { name: "config", mountPath: "/etc/cni/net.d/multus.d", readOnly: true },
        ],
      },
    ],
    volumes: [
      ...mounts.map(([volume, path]) => ({ name: volume, hostPath: { path } })),
      {
        name: "config",
        configMap: {
          name: "multus-daemon-config",
          items: [{ key: "daemon-config.json", path: "daemon-config.json" }],
        },
      },
    ],
  };
}
