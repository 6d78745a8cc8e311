/** One entry of Config's spec.daemon.mounts. */
export interface ConfigMount {
  readonly name: string;
  readonly podpath: string;
  readonly hostpath: string;
}

interface OwnMount extends ConfigMount {
  readonly readOnly?: boolean;
  /** Mounts that the host makes later show up too. */
  readonly follows?: boolean;
}

/** Where nicd finds the host's CNI folder. */
export const cniBinPath = "/host/opt/cni/bin";
/** Where nicd finds the host's /usr: every host has one, and it tells which loader the host's programs run with. */
export const hostUsrPath = "/host/usr";

/** What nicd needs of its host; folders, never files, as a missing file would become a folder there. */
const ownMounts: readonly OwnMount[] = [
  { name: "run", podpath: "/run/multinic", hostpath: "/run/multinic" },
  { name: "state", podpath: "/var/lib/multinic", hostpath: "/var/lib/multinic" },
  { name: "netns", podpath: "/run/netns", hostpath: "/run/netns", readOnly: true, follows: true },
  { name: "host-usr", podpath: hostUsrPath, hostpath: "/usr", readOnly: true },
  { name: "iproute2", podpath: "/host/etc/iproute2", hostpath: "/etc/iproute2" },
  // Where the CRI socket is, for the list of sandboxes that are alive.
  { name: "containerd", podpath: "/run/containerd", hostpath: "/run/containerd", readOnly: true },
  { name: "crio", podpath: "/run/crio", hostpath: "/run/crio", readOnly: true },
  {
    name: "pod-resources",
    podpath: "/var/lib/kubelet/pod-resources",
    hostpath: "/var/lib/kubelet/pod-resources",
    readOnly: true,
  },
  {
    name: "device-plugin",
    podpath: "/var/lib/kubelet/device-plugins",
    hostpath: "/var/lib/kubelet/device-plugins",
    readOnly: true,
  },
  {
    name: "topology",
    podpath: "/run/nvidia-topologyd",
    hostpath: "/run/nvidia-topologyd",
    readOnly: true,
  },
];

/** A file mount of v1.3's Config: nicd has the whole folder instead. */
const upstreamTables = "/etc/iproute2/rt_tables";

/**
 * Makes volumes and mounts of nicd's pod: its own, the host's CNI folder, then Config's. A mount of Config's with the
 * name or path of one of ours is that one, unless its host path is another: then Config's counts.
 */
export function mountsOf(configured: readonly ConfigMount[], cniBinDir?: string) {
  const own = [...ownMounts, cniBin(configured, cniBinDir)];
  const kept = configured.filter(
    (mount) => mount.name !== "cnibin" && mount.hostpath !== upstreamTables,
  );
  const taken = (mount: ConfigMount) =>
    kept.some((other) => other.podpath === mount.podpath || other.name === mount.name);
  const all: readonly OwnMount[] = [...own.filter((mount) => !taken(mount)), ...kept];
  const volumes: Record<string, unknown>[] = all.map(({ name, hostpath }) => ({
    name,
    // Config's have no type, as v1.3 had it: they may be files.
    hostPath: {
      path: hostpath,
      type: own.some((mount) => mount.name === name) ? "DirectoryOrCreate" : "",
    },
  }));
  const volumeMounts: Record<string, unknown>[] = all.map(
    ({ name, podpath, readOnly, follows }) => ({
      name,
      mountPath: podpath,
      ...(readOnly && { readOnly }),
      ...(follows && { mountPropagation: "HostToContainer" }),
    }),
  );
  volumes.push({ name: "tmp", emptyDir: {} });
  volumeMounts.push({ name: "tmp", mountPath: "/tmp" });
  return { volumes, volumeMounts };
}

/** The host's CNI folder is always at one place in the pod; where it is on the host Multus knows best. */
function cniBin(configured: readonly ConfigMount[], found: string | undefined): OwnMount {
  const own = configured.find((mount) => mount.name === "cnibin");
  return {
    name: "cnibin",
    podpath: cniBinPath,
    hostpath: found ?? own?.hostpath ?? "/opt/cni/bin",
  };
}
