import type { Cidr, CidrConfig } from "../api/kinds.ts";
import type { Fault } from "../errors.ts";
import { networkPaths, parseBlocks } from "./cidr-blocks.ts";
import { type CidrsSeen, type Layout, layOut } from "./cidr-layout.ts";
import { type InUse, podCIDRsInUse, type Row, useKey } from "./cidr-rows.ts";
import { buildSlices, isSliceOf, sliceSteps } from "./cidr-slices.ts";

/** A write of one slice, whole, with the resourceVersion it was planned from. */
export interface CidrStep {
  readonly op: "create" | "replace" | "delete";
  readonly object: Cidr;
}

export interface CidrsPlan {
  /** The network's masterNets; filled in by plane index, v4 before v6 in a plane, when it named none. */
  readonly masterNets: string[];
  /** Every slice as it should be. */
  readonly slices: Cidr[];
  /** In the order to apply; stop at the first conflict and plan again. */
  readonly steps: CidrStep[];
  /** What keeps configStatus from Success. */
  readonly faults: Fault[];
  /** What is worth saying and stops nothing. */
  readonly notes: string[];
}

/**
 * Plans a network's CIDR slices. Indexes stay with their host and plane (src/README.md, decision 9). A change of subnet, blocks
 * or exclusions that would move a podCIDR in use is refused: the slices go on with the old ones and a fault says so.
 */
export function planCidrs(seen: CidrsSeen): CidrsPlan {
  const network = seen.config.name;
  const own: CidrsSeen = { ...seen, slices: seen.slices.filter((s) => isSliceOf(network, s)) };
  const { blocks, faults } = parseBlocks(seen.config);
  if (!blocks) return frozen(own, faults);
  if (/--s[1-9][0-9]*$/.test(network)) {
    const problem = `"${network}" ends like the name of a slice (--s1): choose another name`;
    return frozen(own, [{ path: "metadata.name", problem }]);
  }
  const inUse = podCIDRsInUse(network, own);
  const wanted = layOut(own, blocks, inUse);
  const moved = movedPods(wanted, inUse);
  if (moved.length === 0) return finish(own, own.config, wanted);
  const refused = refusal(moved);
  const old = own.slices.find((s) => s.metadata.name === network) ?? own.slices[0];
  const kept = old && { ...own.config, ...blockFields(old.spec.config) };
  const oldBlocks = kept && parseBlocks(kept).blocks;
  if (!kept || !oldBlocks) return frozen(own, [refused, ...wanted.faults]);
  const layout = layOut({ ...own, config: kept }, oldBlocks, inUse);
  if (movedPods(layout, inUse).length > 0) return frozen(own, [refused, ...wanted.faults]);
  return finish(own, kept, { ...layout, faults: [refused, ...layout.faults] });
}

function finish(seen: CidrsSeen, config: CidrConfig, layout: Layout): CidrsPlan {
  const masterNets = seen.config.masterNets.length > 0 ? seen.config.masterNets : filled(layout);
  const slices = buildSlices({
    ...layout,
    config: { ...configOf(config), masterNets },
    slices: seen.slices,
    sha256: seen.sha256,
  });
  return {
    masterNets,
    slices,
    steps: sliceSteps(config.name, seen.slices, slices),
    faults: [...layout.faults],
    notes: [...layout.notes],
  };
}

/** Leaves everything as it is. */
function frozen(seen: CidrsSeen, faults: readonly Fault[]): CidrsPlan {
  const named = seen.config.masterNets;
  const stored = seen.slices[0]?.spec.config.masterNets ?? [];
  return {
    masterNets: named.length > 0 ? named : stored,
    slices: [...seen.slices],
    steps: [],
    faults: [...faults],
    notes: [],
  };
}

function filled(layout: Layout): string[] {
  const out = new Set<string>();
  const hosted = new Set(layout.rows.map((row) => row.net));
  for (const plane of layout.planes) {
    for (const net of [plane.nets[4], plane.nets[6]]) {
      if (net !== undefined && (hosted.has(net) || layout.listed.has(net))) out.add(net);
    }
  }
  return [...out];
}

/** Finds rows in use that the layout no longer holds as they are. */
function movedPods(layout: Layout, inUse: ReadonlyMap<string, InUse>): Row[] {
  if (inUse.size === 0) return [];
  const now = new Map(layout.rows.map((row) => [useKey(row.host, row.podCIDR), row]));
  return layout.stored.filter((row) => {
    const key = useKey(row.host, row.podCIDR);
    if (!inUse.has(key)) return false;
    const same = now.get(key);
    return !same || (row.vlanCIDR !== "" && same.vlanCIDR !== row.vlanCIDR);
  });
}

function refusal(moved: readonly Row[]): Fault {
  const [row] = moved;
  const more = moved.length > 1 ? ` (and ${moved.length - 1} more)` : "";
  return {
    path: networkPaths.subnet,
    problem: `pods on ${row?.host} hold addresses of ${row?.podCIDR}${more}, which this change of subnet, blocks or exclusions would move: the old plan stays until they are gone, or the change is taken back`,
  };
}

function blockFields(
  config: CidrConfig,
): Pick<CidrConfig, "subnet" | "hostBlock" | "interfaceBlock" | "excludeCIDRs"> {
  const { subnet, hostBlock, interfaceBlock, excludeCIDRs } = config;
  return { subnet, hostBlock, interfaceBlock, excludeCIDRs: excludeCIDRs ?? [] };
}

/** Writes the config as v1.3.1 did: excludeCIDRs and vlanMode are absent when empty. */
function configOf(config: CidrConfig): CidrConfig {
  const { name, type, subnet, masterNets, hostBlock, interfaceBlock } = config;
  return {
    name,
    type,
    subnet,
    masterNets,
    hostBlock,
    interfaceBlock,
    ...(config.excludeCIDRs?.length ? { excludeCIDRs: config.excludeCIDRs } : {}),
    ...(config.vlanMode ? { vlanMode: config.vlanMode } : {}),
  };
}
