import { type Ipam, parseIpam } from "../api/ipam.ts";
import type { Cidr, CidrConfig, MultiNicNetwork } from "../api/kinds.ts";
import { InvalidInput } from "../errors.ts";
import type { Next } from "../kube/controller.ts";
import { readNow } from "../kube/readnow.ts";
import { cloudReserved } from "../plan/cidr-cloud.ts";
import { discoveredPlanes } from "../plan/cidr-discoveredplanes.ts";
import { hostNetOverlaps } from "../plan/cidr-overlap.ts";
import { type CidrsPlan, planCidrs } from "../plan/cidrs.ts";
import type { DefinitionSources } from "../plan/definition.ts";
import { planDefinitions, wantedNamespaces } from "../plan/definitionsteps.ts";
import { networkFaults } from "../plan/networkfaults.ts";
import { planPools } from "../plan/pools.ts";
import { applyCidrs, applyDefinitions, applyPools, writeNetworkStatus } from "./apply.ts";
import { cleanUpNetwork } from "./cleanup.ts";
import type { Deps } from "./deps.ts";
import { reconcileDevices } from "./devices.ts";
import { addFinalizer, networkFinalizer } from "./finalizers.ts";
import { type Observed, observeNetwork } from "./observe.ts";
import { type OrphanedSince, removeOrphans } from "./orphans.ts";

/** Tells whether the server has this very network, and nobody deletes it. */
async function isThere({ metadata }: MultiNicNetwork, { kube }: Deps): Promise<boolean> {
  const now = await readNow(kube, "MultiNicNetwork", metadata.name);
  return now?.metadata.uid === metadata.uid && now?.metadata.deletionTimestamp === undefined;
}

/** Brings everything that one MultiNicNetwork wants into being: CIDR slices, IPPools, definitions, status. */
export async function reconcileNetwork(
  name: string,
  deps: Deps & { readonly orphanedSince: OrphanedSince },
): Promise<Next> {
  const network = deps.stores.networks.get(name);
  if (!network) return removeOrphans(name, deps);
  deps.orphanedSince.delete(name);
  const seen = observeNetwork(network, deps);
  if (network.metadata.deletionTimestamp !== undefined) return cleanUpNetwork(seen, deps);
  const kept = { object: network, finalizer: networkFinalizer };
  // Deleted meanwhile: the copy will know soon.
  if (!(await addFinalizer(deps.kube, "MultiNicNetwork", kept)))
    return { after: deps.pace().urgentMs };

  const { ipam, faults } = judge(seen);
  const valid = faults.length === 0;
  const planned = valid && ipam?.by === "pools" ? planCidrs(cidrsSeen(seen, deps)) : undefined;
  faults.push(
    ...(planned?.faults ?? []).map((f) => (f.path ? `${f.path}: ${f.problem}` : f.problem)),
  );
  // A copy may lag, and what is made for a network that is gone nobody owns.
  const isFirst = seen.slices.length === 0 && planned?.steps.some(({ op }) => op === "create");
  if (isFirst && !(await isThere(network, deps))) return { after: deps.pace().urgentMs };
  const slices = planned ? await applyCidrs(planned.steps, planned.slices, deps) : seen.slices;
  if (planned) await applyPools(poolSteps(seen, { planned, slices }, deps), deps);
  sayNotes(seen, planned, deps);
  const masterNets = planesOf(seen, planned);
  const devices = valid ? await reconcileDevices(network, masterNets, deps) : undefined;
  faults.push(...(devices?.faults ?? []));
  const named = network.spec.plugin.type !== "mellanox" || devices?.resourceNames !== undefined;
  const definable = valid && named && (planned === undefined || isInForce(network, planned));
  const definitions = definable
    ? await define(seen, { masterNets, resourceNames: devices?.resourceNames }, deps)
    : { matching: 0, wanted: 0, failed: 0 };

  await writeNetworkStatus(
    {
      network,
      ipam: ipam?.config,
      faults,
      definitions,
      slices,
      hostInterfaces: seen.hostInterfaces,
      daemons: seen.daemons,
      devices: devices?.condition,
    },
    deps,
  );
  const { urgentMs, normalMs, longMs } = deps.pace();
  if (definitions.failed > 0) return { after: urgentMs };
  return { after: faults.length > 0 ? normalMs : longMs };
}

/**
 * Tells whether the plan goes by what the network says now. It does not when a change was refused or cannot be read: then
 * the definitions stay too, for they would send pods to blocks that are not there. One host too many is no such reason.
 */
function isInForce(network: MultiNicNetwork, { faults, slices }: CidrsPlan): boolean {
  if (faults.length === 0) return true;
  const wanted = cidrConfig(network);
  return slices.some(({ spec: { config } }) => {
    return (
      config.subnet === wanted.subnet &&
      config.hostBlock === wanted.hostBlock &&
      config.interfaceBlock === wanted.interfaceBlock &&
      Bun.deepEquals(config.excludeCIDRs ?? [], wanted.excludeCIDRs ?? [])
    );
  });
}

/** Says everything that is wrong with the network as it is written, and beside the others. */
function judge(seen: Observed): { ipam: Ipam | undefined; faults: string[] } {
  if (seen.problem !== undefined) return { ipam: undefined, faults: [seen.problem] };
  const own = networkFaults(seen.network).map((f) => `${f.path}: ${f.problem}`);
  const lost = seen.unreadable.map(({ problem }) => `${problem}: mend or delete it`);
  const faults = [...own, ...seen.overlaps, ...lost.slice(0, 5)];
  try {
    return { ipam: parseIpam(seen.network.spec.ipam), faults };
  } catch (error) {
    // networkFaults has said what is wrong with it.
    if (error instanceof InvalidInput) return { ipam: undefined, faults };
    throw error;
  }
}

function cidrsSeen(seen: Observed, deps: Deps) {
  const { network, slices, hostInterfaces, liveNodes, pools } = seen;
  const { rails } = network.spec;
  return {
    config: cidrConfig(network),
    rails,
    slices,
    hostInterfaces,
    liveNodes,
    pools,
    sha256: deps.sha256,
  };
}

/** Says what is worth knowing and stops nothing, as an Event: what a plan leaves out, and hosts that pods would hide. */
function sayNotes(seen: Observed, planned: CidrsPlan | undefined, deps: Deps): void {
  const { metadata, spec } = seen.network;
  const own = { name: metadata.name, subnet: spec.subnet ?? "" };
  const notes = [...(planned?.notes ?? []), ...hostNetOverlaps(own, seen.hostInterfaces)];
  if (notes.length === 0) return;
  const more = notes.length > 5 ? `; and ${notes.length - 5} more` : "";
  const message = `${notes.slice(0, 5).join("; ")}${more}`;
  deps.events.record(seen.network, { type: "Warning", reason: "PlanNote", message });
}

/** Copies what a CIDR object keeps of its network. */
export function cidrConfig(network: MultiNicNetwork): CidrConfig {
  const ipam = parseIpam(network.spec.ipam);
  const {
    hostBlock = 0,
    interfaceBlock = 0,
    excludeCIDRs,
    vlanMode,
  } = ipam.by === "pools" ? ipam.config : {};
  return {
    name: network.metadata.name,
    type: network.spec.plugin.type,
    subnet: network.spec.subnet ?? "",
    masterNets: [...(network.spec.masterNets ?? [])],
    hostBlock,
    interfaceBlock,
    ...(excludeCIDRs && excludeCIDRs.length > 0 ? { excludeCIDRs: [...excludeCIDRs] } : {}),
    ...(vlanMode ? { vlanMode } : {}),
  };
}

function poolSteps(
  seen: Observed,
  of: { planned: CidrsPlan; slices: readonly Cidr[] },
  deps: Deps,
) {
  const ipam = parseIpam(seen.network.spec.ipam);
  const routes = ipam.by === "pools" ? (ipam.config.routes ?? []) : [];
  const hostSubnet = (seen.network.spec.subnet ?? "") === "";
  return planPools({
    network: seen.network.metadata.name,
    slices: of.slices,
    pools: seen.pools,
    hostInterfaces: seen.hostInterfaces,
    liveNodes: seen.liveNodes,
    gateways: routes.flatMap((route) => (route.gw ? [route.gw] : [])),
    cloudReserved: (vlan) => (hostSubnet ? cloudReserved(vlan, seen.providerIDs) : []),
    sha256: deps.sha256,
  });
}

/** The network's own planes; else those planned with indexes; else those that hosts have. */
function planesOf(seen: Observed, planned: CidrsPlan | undefined): readonly string[] {
  const named = seen.network.spec.masterNets ?? [];
  if (named.length > 0) return named;
  return planned?.masterNets ?? discoveredPlanes(seen.hostInterfaces, seen.definitions);
}

async function define(
  seen: Observed,
  of: Pick<DefinitionSources, "masterNets" | "resourceNames">,
  deps: Deps,
) {
  const namespaces = wantedNamespaces(seen.network, seen.namespaces);
  const plan = planDefinitions(seen.network, {
    ...of,
    config: seen.config,
    namespaces,
    existing: seen.definitions,
  });
  const failed = await applyDefinitions(seen.network, plan, deps);
  const matching = namespaces.length - failed - plan.foreign.length;
  return { wanted: namespaces.length, matching, failed };
}
