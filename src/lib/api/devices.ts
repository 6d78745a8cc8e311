import type { KubeObject } from "./meta.ts";

/** Kinds of the SR-IOV network operator and of NVIDIA's network operator, as far as we read and write them. */

/** Where the SR-IOV network operator keeps its objects. */
export const sriovNamespace = "openshift-sriov-network-operator";
export const sriovApiVersion = "sriovnetwork.openshift.io/v1";

/** A definition of the SR-IOV operator's own. */
export interface SriovNetwork extends KubeObject {
  spec: {
    resourceName: string;
    vlan?: number;
    vlanQoS?: number;
    /** Mbit/s. */
    minTxRate?: number;
    maxTxRate?: number;
    spoofChk?: string;
    trust?: string;
  };
}

/** Asks for virtual functions on every node that the selector fits. */
export interface SriovNetworkNodePolicy extends KubeObject {
  spec: {
    resourceName: string;
    nodeSelector: Record<string, string>;
    numVfs: number;
    priority?: number;
    mtu?: number;
    isRdma?: boolean;
    needVhostNet?: boolean;
    nicSelector: { rootDevices?: readonly string[] };
  };
}

/** What the SR-IOV operator found on one node, whose name it bears. */
export interface SriovNetworkNodeState extends KubeObject {
  status?: {
    /** Absent, not empty, on a node without such NICs. */
    interfaces?: readonly { readonly name?: string; readonly pciAddress: string }[];
    syncStatus?: string;
    lastSyncError?: string;
  };
}

/** NVIDIA's network operator: one object for the whole cluster. */
export interface NicClusterPolicy extends KubeObject {
  spec?: {
    /** `config` is a JSON text: `{"resourceList": [{"resourcePrefix", "resourceName", …}]}`. */
    sriovDevicePlugin?: { config?: string };
  };
}
