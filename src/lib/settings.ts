/** The only reader of the environment. Everything else is handed its settings. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** Folders and sockets of a node; the lab gives every host its own mount namespace, so these stay the same there. */
export interface NodePaths {
  /** Socket and locks, 0700, gone at reboot. */
  readonly runDir: string;
  /** state.db and tombstones/, on a local disk or tmpfs. */
  readonly stateDir: string;
  /** Root of the sysfs tree that discovery reads. */
  readonly sysRoot: string;
  /** Root of the procfs tree that GPUs are looked up in. */
  readonly procRoot: string;
  /** The host's iproute2 folder (`/etc/iproute2` as nicd sees it); "" = not given to us. */
  readonly iproute2Dir: string;
}

/** Reads the node's paths. */
export function nodePaths(env: Environment = process.env): NodePaths {
  return {
    runDir: env["MULTINIC_RUN_DIR"] || "/run/multinic",
    stateDir: env["MULTINIC_STATE_DIR"] || "/var/lib/multinic",
    sysRoot: env["MULTINIC_SYS_ROOT"] || "/sys",
    procRoot: env["MULTINIC_PROC_ROOT"] || "/proc",
    iproute2Dir: env["MULTINIC_IPROUTE2_DIR"] ?? "",
  };
}

/** Reads which wire traces to print: `MULTINIC_DEBUG=netlink,kube`. */
export function debugTopics(env: Environment = process.env): ReadonlySet<string> {
  const topics = new Set<string>();
  for (const topic of (env["MULTINIC_DEBUG"] ?? "").split(",")) if (topic !== "") topics.add(topic);
  return topics;
}

/** Returns the whole environment, for programs that we start and for the CNI's own variables. */
export function environment(): Environment {
  return process.env;
}

/** Reads how long the CNI programs wait for nicd (ms); undefined = as long as suits the command. */
export function nodeWaitMs(env: Environment = process.env): number | undefined {
  const text = env["MULTINIC_WAIT_MS"];
  return text !== undefined && /^[0-9]{1,7}$/.test(text) ? Number(text) : undefined;
}

/** Reads at which step a test wants the program to crash; undefined = at none. */
export function faultSetting(env: Environment = process.env): string | undefined {
  return env["MULTINIC_FAULT"];
}

/** Reads what the operator's Deployment sets. */
export function operatorSettings(env: Environment = process.env): {
  namespace: string;
  hostName: string;
  /** Image for nicd instead of the one of the operator's own pod; it takes the place of v1.3's default daemon image. */
  image: string | undefined;
} {
  return {
    image: env["OPERATOR_IMAGE"] || undefined,
    namespace: env["OPERATOR_NAMESPACE"] || "multi-nic-cni-operator",
    hostName: env["HOSTNAME"] || "operator",
  };
}

/** Reads where the instance metadata and EC2 are, by the names that AWS' own tools use; "" = where every instance has them. */
export function awsEndpoints(env: Environment = process.env): { metadata: string; ec2: string } {
  const of = (name: string) => (env[name] ?? "").replace(/\/+$/, "");
  return {
    metadata: of("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
    ec2: of("AWS_ENDPOINT_URL_EC2"),
  };
}

/** Returns where programs are looked for, for the lab's hosts. */
export function searchPath(env: Environment = process.env): string {
  return env["PATH"] || "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/** Reads what nicd's DaemonSet sets; CRI sockets are where containerd and CRI-O have them. */
export function daemonSettings(env: Environment = process.env): {
  node: string;
  criSockets: readonly string[];
  /** The host's CNI folder; undefined = the CNI programs are somebody else's to install. */
  cniDir: string | undefined;
  /** The host's /usr, to look for the loader; undefined = not looked for. */
  hostUsr: string | undefined;
  /** Where the kubelet and NVIDIA's topology daemon tell of devices; the DaemonSet mounts their folders here. */
  devices: { checkpoint: string; podResources: string; topology: string };
} {
  const given = env["MULTINIC_CRI_SOCKET"];
  return {
    node: env["K8S_NODENAME"] ?? "",
    cniDir: env["MULTINIC_CNI_DIR"] || undefined,
    hostUsr: env["MULTINIC_HOST_USR"] || undefined,
    devices: {
      checkpoint: "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint",
      podResources: "/var/lib/kubelet/pod-resources/kubelet.sock",
      topology: "/run/nvidia-topologyd/virtualTopology.xml",
    },
    criSockets: given ? [given] : ["/run/containerd/containerd.sock", "/run/crio/crio.sock"],
  };
}
