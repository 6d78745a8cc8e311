/** What one kubelet is told that the next is not. */
export interface KubeletPlace {
  readonly address: string;
  readonly cgroup: string;
  /** Certificate authority of those who may ask it, and its own serving certificate. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes a kubelet's configuration (kubelet.config.k8s.io/v1beta1). */
export function kubeletConfig(place: KubeletPlace) {
  const none = "0%";
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: place.address,
    port: 10250,
    readOnlyPort: 0,
    healthzBindAddress: "127.0.0.1",
    healthzPort: 10248,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: place.caFile },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: place.certFile,
    tlsPrivateKeyFile: place.keyFile,
    containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
    // The default is made under /usr.
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
    // cgroup v1 is refused by default from 1.35 on.
    failCgroupV1: false,
    // containerd 1.6 cannot tell its driver over the CRI, so this value counts.
    cgroupDriver: "cgroupfs",
    cgroupsPerQOS: true,
    cgroupRoot: place.cgroup,
    enforceNodeAllocatable: ["pods"],
    failSwapOn: false,
    // Lowering it and raising limits need CAP_SYS_RESOURCE.
    oomScoreAdj: 0,
    maxOpenFiles: 20_000,
    makeIPTablesUtilChains: false,
    resolvConf: "",
    clusterDomain: "cluster.local",
    // No eviction and no collection: all nodes see one disk, and an image that is gone cannot be pulled again.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      "nodefs.available": none,
      "nodefs.inodesFree": none,
      "imagefs.available": none,
      "imagefs.inodesFree": none,
    },
    // Renewed every quarter of it.
    nodeLeaseDurationSeconds: 12,
    maxPods: 250,
    eventRecordQPS: 0,
  };
}
