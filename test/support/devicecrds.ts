/**
 * Small structural CRDs of the SR-IOV network operator and of NVIDIA's network operator: the names, fields and limits that
 * they publish, as far as we read and write them. Anything else in an object is dropped. `suffix` is put behind their groups.
 */
export function deviceCrds(suffix = "") {
  const sriov: Place = {
    group: `sriovnetwork.openshift.io${suffix}`,
    version: "v1",
    scope: "Namespaced",
  };
  const nvidia: Place = {
    group: `mellanox.com${suffix}`,
    version: "v1alpha1",
    scope: "Cluster",
    plural: "nicclusterpolicies",
  };
  return [
    crd("SriovNetwork", sriov, { spec: object(sriovNetwork, ["resourceName"]), status: open }),
    crd(
      "SriovNetworkNodePolicy",
      { ...sriov, plural: "sriovnetworknodepolicies" },
      {
        spec: object(policy, ["resourceName", "nodeSelector", "numVfs", "nicSelector"]),
        status: open,
      },
    ),
    crd("SriovNetworkNodeState", sriov, { spec: open, status: object(state) }),
    crd("NicClusterPolicy", nvidia, { spec: object(clusterPolicy), status: open }),
  ];
}

const text = { type: "string" };
const flag = { type: "boolean" };
const number = (minimum: number, maximum?: number) => ({
  type: "integer",
  minimum,
  ...(maximum !== undefined && { maximum }),
});
const oneOf = (...values: string[]) => ({ type: "string", enum: values });
const list = (items: unknown) => ({ type: "array", items });
const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const object = (properties: Record<string, unknown>, required: string[] = []) => ({
  type: "object",
  properties,
  ...(required.length > 0 && { required }),
});

const sriovNetwork = {
  resourceName: text,
  networkNamespace: text,
  vlan: number(0, 4096),
  vlanQoS: number(0, 7),
  minTxRate: number(0),
  maxTxRate: number(0),
  spoofChk: oneOf("on", "off"),
  trust: oneOf("on", "off"),
  linkState: oneOf("auto", "enable", "disable"),
  capabilities: text,
  ipam: text,
  metaPlugins: text,
};

const policy = {
  resourceName: text,
  nodeSelector: { type: "object", additionalProperties: text },
  numVfs: number(0),
  priority: number(0, 99),
  mtu: number(1),
  isRdma: flag,
  needVhostNet: flag,
  deviceType: { ...oneOf("netdevice", "vfio-pci"), default: "netdevice" },
  linkType: oneOf("eth", "ETH", "ib", "IB"),
  eSwitchMode: oneOf("legacy", "switchdev"),
  nicSelector: object({
    vendor: text,
    deviceID: text,
    rootDevices: list(text),
    pfNames: list(text),
    netFilter: text,
  }),
};

const state = {
  syncStatus: text,
  lastSyncError: text,
  interfaces: list({
    ...object({ name: text, pciAddress: text }, ["pciAddress"]),
    "x-kubernetes-preserve-unknown-fields": true,
  }),
};

const clusterPolicy = {
  sriovDevicePlugin: object(
    {
      image: text,
      repository: text,
      version: text,
      imagePullSecrets: list(text),
      config: text,
    },
    ["image", "repository", "version"],
  ),
};

interface Place {
  readonly group: string;
  readonly version: string;
  readonly scope: "Namespaced" | "Cluster";
  readonly plural?: string;
}

function crd(kind: string, place: Place, properties: Record<string, unknown>) {
  const { group, scope, plural = `${kind.toLowerCase()}s` } = place;
  const version = {
    name: place.version,
    served: true,
    storage: true,
    subresources: { status: {} },
    schema: { openAPIV3Schema: object(properties) },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: { group, scope, names: { kind, plural }, versions: [version] },
  };
}
