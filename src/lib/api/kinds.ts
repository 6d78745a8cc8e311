/** Types of every kind; contract for work in parallel, replaced by the schema's inferred types. */
import type { Condition, KubeObject } from "./meta.ts";

export interface PluginSpec {
  cniVersion?: string | undefined;
  type: string;
  capabilities?: Record<string, boolean> | undefined;
  dns?:
    | { nameservers?: string[]; domain?: string; search?: string[]; options?: string[] }
    | undefined;
  args?: Record<string, string> | undefined;
}

export interface MultiNicNetworkSpec {
  subnet?: string | undefined;
  masterNets?: string[] | undefined;
  ipam: string;
  multiNICIPAM?: boolean | undefined;
  plugin: PluginSpec;
  attachPolicy?: { strategy?: string | undefined; target?: string | undefined } | undefined;
  namespaces?: string[] | undefined;
  hostAccess?: boolean | undefined;
  sourceRouting?: boolean | undefined;
  rails?: boolean | undefined;
}

export type ConfigStatus = "" | "WaitForConfig" | "Success" | "Failed";
export type RouteStatus = "" | "N/A" | "WaitForRoutes" | "Success" | "Failed" | "Unknown";

export interface MultiNicNetworkStatus {
  computeResults: { netAddress: string; numOfHosts: number }[];
  discovery: { existDaemon: number; infoAvailable: number; cidrProcessed: number };
  configStatus: ConfigStatus;
  routeStatus: RouteStatus;
  message: string;
  lastSyncTime: string | null;
  conditions?: Condition[] | undefined;
}

export interface MultiNicNetwork extends KubeObject {
  kind: "MultiNicNetwork";
  spec: MultiNicNetworkSpec;
  status?: MultiNicNetworkStatus | undefined;
}

export interface HostInterfaceRow {
  interfaceName: string;
  netAddress?: string | undefined;
  hostIP?: string | undefined;
  vendor?: string | undefined;
  product?: string | undefined;
  pciAddress?: string | undefined;
}

export interface InterfaceStatus {
  interfaceName: string;
  mtu?: number | undefined;
  speedMbps?: number | undefined;
  carrier?: boolean | undefined;
  numaNode?: number | undefined;
  driver?: string | undefined;
  rdmaDevice?: string | undefined;
  rates?: { txBps: number; rxBps: number; txDropPps: number; rxDropPps: number } | undefined;
  reason?: string | undefined;
}

export interface NetworkRoutesStatus {
  name: string;
  wanted: number;
  applied: number;
  failures: string[];
  podCIDRs: string[];
  /** CIDR slices this report was made from: `<slice name>@<metadata.generation>`. */
  observed?: string[] | undefined;
}

export interface HostInterface extends KubeObject {
  kind: "HostInterface";
  spec: { hostName: string; interfaces: HostInterfaceRow[] };
  status?:
    | {
        stat?: Record<string, unknown> | undefined;
        interfaces?: InterfaceStatus[] | undefined;
        networks?: NetworkRoutesStatus[] | undefined;
        conditions?: Condition[] | undefined;
      }
    | undefined;
}

export interface CidrHost {
  hostIndex: number;
  hostName: string;
  interfaceName: string;
  hostIP: string;
  podCIDR: string;
  ippool?: string | undefined;
}

export interface CidrEntry {
  netAddress: string;
  interfaceIndex: number;
  vlanCIDR: string;
  hosts: CidrHost[];
}

export interface CidrConfig {
  name: string;
  type: string;
  subnet: string;
  masterNets: string[];
  hostBlock: number;
  interfaceBlock: number;
  excludeCIDRs?: string[] | undefined;
  vlanMode?: string | undefined;
}

export interface Cidr extends KubeObject {
  kind: "CIDR";
  spec: { config: CidrConfig; cidr: CidrEntry[] };
}

export interface Allocation {
  pod: string;
  namespace: string;
  index: number;
  address: string;
}

export interface IPPoolSpec {
  podCIDR: string;
  vlanCIDR: string;
  netAttachDef: string;
  hostName: string;
  interfaceName: string;
  excludes: string[];
  allocations: Allocation[];
}

export interface IPPool extends KubeObject {
  kind: "IPPool";
  spec: IPPoolSpec;
}

export interface DeviceClass extends KubeObject {
  kind: "DeviceClass";
  spec: { ids: { vendor: string; products: string[] }[] };
}

/** spec.daemon holds pod and container fields as Kubernetes writes them. */
export interface ConfigSpec {
  cniType: string;
  ipamType: string;
  daemon: Record<string, unknown> & { image: string; port: number };
  joinPath?: string | undefined;
  getInterfacePath?: string | undefined;
  addRoutePath?: string | undefined;
  deleteRoutePath?: string | undefined;
  urgentReconcileSeconds?: number | undefined;
  normalReconcileMinutes?: number | undefined;
  longReconcileMinutes?: number | undefined;
  contextTimeoutMinutes?: number | undefined;
  logLevel?: number | undefined;
  cniVersion?: string | undefined;
}

export interface Config extends KubeObject {
  kind: "Config";
  spec: ConfigSpec;
}

export interface NetworkAttachmentDefinition extends KubeObject {
  kind: "NetworkAttachmentDefinition";
  spec: { config: string };
}

/** `spec.ipam` of a MultiNicNetwork, parsed; unknown keys travel on. */
export interface IpamSpec {
  type: string;
  hostBlock?: number | undefined;
  interfaceBlock?: number | undefined;
  excludeCIDRs?: string[] | undefined;
  vlanMode?: "" | "l2" | "l3" | "l3s" | undefined;
  routes?: { dst: string; gw?: string | undefined }[] | undefined;
  dns?: Record<string, unknown> | undefined;
  ipam_type?: string | undefined;
  args?: Record<string, Record<string, unknown>> | undefined;
  [key: string]: unknown;
}
