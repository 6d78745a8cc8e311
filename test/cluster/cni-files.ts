/** How Multus runs on a node: a plugin of its own, or a shim with a daemon in a pod. */
export type MultusKind = "thin" | "thick";

/** The cluster network of a node: a bridge with the node's pod network, no address translation. */
function clusterNetwork(podNet: string) {
  return {
    cniVersion: "1.0.0",
    name: "default",
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    ipMasq: false,
    ipam: {
      type: "host-local",
      dataDir: "/var/lib/cni/networks",
      ranges: [[{ subnet: podNet }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  };
}

/**
 * Returns the files of /etc/cni/net.d. containerd takes the first by name. Thick Multus writes its own, and wants the
 * cluster network as a .conf: of a .conflist it forgets the ranges when the pod is gone, and leaks host-local's addresses.
 */
export function cniFiles(kind: MultusKind, podNet: string): Record<string, unknown> {
  const network = clusterNetwork(podNet);
  if (kind === "thick") return { "10-default.conf": network };
  const multus = {
    type: "multus",
    kubeconfig: "/etc/cni/net.d/multus.d/multus.kubeconfig",
    binDir: "/opt/cni/bin",
    cniDir: "/var/lib/cni/multus",
    logLevel: "verbose",
    logFile: "/var/log/multus.log",
    delegates: [network],
  };
  return { "00-multus.conflist": { cniVersion: "1.0.0", name: "multus", plugins: [multus] } };
}
