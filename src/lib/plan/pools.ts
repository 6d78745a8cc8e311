import type { Cidr, HostInterface, IPPool, IPPoolSpec } from "../api/kinds.ts";
import { apiVersion } from "../api/meta.ts";
import type { Prefix } from "../ip.ts";
import { poolExcludes, specialAddresses } from "./cidr-excludes.ts";
import { canonicalText, podCIDRsInUse, useKey } from "./cidr-rows.ts";
import { hostnameLabel, labelValue, netnameLabel, poolNameOf, type Sha256 } from "./names.ts";
import { same } from "./same.ts";

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

/**
 * Plans the IPPools that a network's slices want: created with no allocations, updated without naming them, deleted only
 * when no slice wants them and they are reported empty (no allocations, and nicd does not report the podCIDR) or their
 * node is gone. A pool whose podCIDR went to another host is deleted and created anew, so that its host never changes.
 */
export function planPools(seen: PoolsSeen): PoolStep[] {
  const { network, liveNodes } = seen;
  const mine = seen.pools.filter((pool) => pool.spec.netAttachDef === network);
  const present = new Map(mine.map((pool) => [pool.metadata.name, pool]));
  const inUse = podCIDRsInUse(network, seen);
  const deletable = (pool: IPPool) => {
    const { hostName, podCIDR, allocations } = pool.spec;
    if (liveNodes && !liveNodes.has(hostName)) return true;
    return allocations.length === 0 && !inUse.has(useKey(hostName, canonicalText(podCIDR)));
  };
  const steps: PoolStep[] = [];
  const wanted = wantedPools(seen);
  for (const [name, object] of wanted) {
    const pool = present.get(name);
    if (!pool) steps.push({ op: "create", object });
    else if (pool.spec.hostName !== object.spec.hostName) {
      if (deletable(pool)) steps.push(remove(pool), { op: "create", object });
    } else {
      const patch = difference(pool, object);
      if (patch) steps.push({ op: "update", name, patch });
    }
  }
  for (const pool of mine) {
    if (!wanted.has(pool.metadata.name) && deletable(pool)) steps.push(remove(pool));
  }
  return steps;
}

function wantedPools(seen: PoolsSeen): Map<string, IPPool> {
  const out = new Map<string, IPPool>();
  const netname = labelValue(seen.network, seen.sha256);
  const labels = new Map<string, Record<string, string>>();
  const excludesOf = poolExcludes({
    excludeCIDRs: seen.slices[0]?.spec.config.excludeCIDRs ?? [],
    special: specialAddresses(seen.hostInterfaces, seen.gateways),
    cloudReserved: seen.cloudReserved,
  });
  for (const slice of seen.slices) {
    for (const { vlanCIDR, hosts } of slice.spec.cidr) {
      for (const { hostName, interfaceName, podCIDR } of hosts) {
        const name = poolNameOf(seen.network, podCIDR);
        const own = labels.get(hostName) ?? {
          [hostnameLabel]: labelValue(hostName, seen.sha256),
          [netnameLabel]: netname,
        };
        labels.set(hostName, own);
        out.set(name, {
          apiVersion,
          kind: "IPPool",
          metadata: { name, labels: own },
          spec: {
            netAttachDef: seen.network,
            hostName,
            interfaceName,
            podCIDR,
            vlanCIDR,
            excludes: excludesOf(podCIDR, vlanCIDR),
            allocations: [],
          },
        });
      }
    }
  }
  return out;
}

function difference(pool: IPPool, wanted: IPPool): PoolPatch | undefined {
  const { allocations: _held, ...now } = pool.spec;
  const { allocations: _none, ...spec } = wanted.spec;
  const labels = wanted.metadata.labels ?? {};
  const labelled = Object.entries(labels).every(([k, v]) => pool.metadata.labels?.[k] === v);
  if (labelled && same(now, spec)) return undefined;
  const { resourceVersion } = pool.metadata;
  return { metadata: { ...(resourceVersion ? { resourceVersion } : {}), labels }, spec };
}

function remove(pool: IPPool): PoolStep {
  const { name, uid, resourceVersion } = pool.metadata;
  return { op: "delete", name, uid, resourceVersion };
}
