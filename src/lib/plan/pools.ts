import type { Cidr, HostInterface, IPPool, IPPoolSpec } from "../api/kinds.ts";
import type { Prefix } from "../ip.ts";
import type { Sha256 } from "./names.ts";

/** What planning a network's IPPools looks at. */
export interface PoolsSeen {
  readonly network: string;
  /** The slices as planned (`CidrsPlan.slices`). */
  readonly slices: readonly Cidr[];
  /** IPPools; those of other networks are left out here. */
  readonly pools: readonly IPPool[];
  /** Of all hosts: their addresses are never handed out, and what they report in use keeps a pool. */
  readonly hostInterfaces: readonly HostInterface[];
  /** Names of the node objects; undefined = not known now. */
  readonly liveNodes: ReadonlySet<string> | undefined;
  /** `ipam.routes[].gw`. */
  readonly gateways: readonly string[];
  /** Returns what a cloud keeps for itself in a subnet (the plane's vlanCIDR); [] elsewhere. */
  readonly cloudReserved: (vlan: Prefix) => readonly Prefix[];
  readonly sha256: Sha256;
}

/** A JSON merge patch that never names `spec.allocations`: nicd alone owns them. */
export interface PoolPatch {
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: Omit<IPPoolSpec, "allocations">;
}

export type PoolStep =
  | { readonly op: "create"; readonly object: IPPool }
  | { readonly op: "update"; readonly name: string; readonly patch: PoolPatch }
  | {
      readonly op: "delete";
      readonly name: string;
      readonly uid: string | undefined;
      readonly resourceVersion: string | undefined;
    };

/** Plans the IPPools that a network's slices want: create, update without allocations, delete what is proven empty. */
export function planPools(_seen: PoolsSeen): PoolStep[] {
  return [];
}
