/** The types of every kind, inferred from its schema; types only, so that nothing here loads the schema library. */
import type * as z from "zod";
import type { cidrConfig, cidrEntry, cidrHost, cidrSpec } from "./cidr.ts";
import type { configSpec } from "./config.ts";
import type { deviceClassSpec } from "./deviceclass.ts";
import type {
  hostInterfaceRow,
  hostInterfaceSpec,
  hostInterfaceStatus,
  interfaceStatus,
  leavingStatus,
  networkRoutesStatus,
} from "./hostinterface.ts";
import type { allocation, ipPoolSpec, ipPoolStatus } from "./ippool.ts";
import type { KubeObject } from "./meta.ts";
import type { multiNicNetworkSpec, multiNicNetworkStatus, plugin } from "./multinicnetwork.ts";

export type PluginSpec = z.infer<typeof plugin>;
export type MultiNicNetworkSpec = z.infer<typeof multiNicNetworkSpec>;
export type MultiNicNetworkStatus = z.infer<typeof multiNicNetworkStatus>;
export type ConfigStatus = MultiNicNetworkStatus["configStatus"];
export type RouteStatus = MultiNicNetworkStatus["routeStatus"];

export interface MultiNicNetwork extends KubeObject {
  kind: "MultiNicNetwork";
  spec: MultiNicNetworkSpec;
  status?: MultiNicNetworkStatus | undefined;
}

export type HostInterfaceRow = z.infer<typeof hostInterfaceRow>;
export type InterfaceStatus = z.infer<typeof interfaceStatus>;
export type NetworkRoutesStatus = z.infer<typeof networkRoutesStatus>;
export type LeavingStatus = z.infer<typeof leavingStatus>;

export interface HostInterface extends KubeObject {
  kind: "HostInterface";
  spec: z.infer<typeof hostInterfaceSpec>;
  status?: z.infer<typeof hostInterfaceStatus> | undefined;
}

export type CidrHost = z.infer<typeof cidrHost>;
export type CidrEntry = z.infer<typeof cidrEntry>;
export type CidrConfig = z.infer<typeof cidrConfig>;

export interface Cidr extends KubeObject {
  kind: "CIDR";
  spec: z.infer<typeof cidrSpec>;
}

export type Allocation = z.infer<typeof allocation>;
export type IPPoolSpec = z.infer<typeof ipPoolSpec>;

export interface IPPool extends KubeObject {
  kind: "IPPool";
  spec: IPPoolSpec;
  status?: z.infer<typeof ipPoolStatus> | undefined;
}

export interface DeviceClass extends KubeObject {
  kind: "DeviceClass";
  spec: z.infer<typeof deviceClassSpec>;
}

/** spec.daemon holds pod and container fields as Kubernetes writes them. */
export type ConfigSpec = z.infer<typeof configSpec>;

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
