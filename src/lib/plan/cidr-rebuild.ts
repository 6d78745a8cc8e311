import type { IPPool } from "../api/kinds.ts";
import { bits, containsPrefix, type Prefix, parsePrefix } from "../ip.ts";
import type { Blocks } from "./cidr-blocks.ts";
import { canonicalText, type InUse, type Row, type Stored, useKey } from "./cidr-rows.ts";
import type { HostNics } from "./hostnics.ts";

export interface RebuildSeen {
  readonly network: string;
  readonly blocks: Blocks;
  readonly stored: Stored;
  readonly pools: readonly IPPool[];
  readonly hosts: ReadonlyMap<string, HostNics>;
  readonly liveNodes: ReadonlySet<string> | undefined;
  readonly inUse: ReadonlyMap<string, InUse>;
  /** Explicit masterNets or the nets that hosts have, in the order in which planes would be numbered. */
  readonly nets: readonly string[];
}

export interface Rebuilt {
  readonly rows: readonly Row[];
  /** Host indexes that are proven although no row could be made. */
  readonly hostIndexes: ReadonlyMap<string, number>;
  /** Plane indexes that pods use and whose net is not known. */
  readonly planes: ReadonlySet<number>;
  readonly notes: readonly string[];
}

/** Reads back which plane and host a podCIDR stands for; undefined when these blocks never made it. */
export function decodePod(
  blocks: Blocks,
  pod: Prefix,
  vlan?: Prefix,
): { plane: number | undefined; host: number } | undefined {
  const subnet = blocks.subnets.find((s) => s.family === pod.family);
  const outer = blocks.subnets.length === 0 ? vlan : subnet;
  if (!outer || !containsPrefix(outer, pod)) return undefined;
  const planeBits = subnet ? blocks.interfaceBlock : 0;
  if (pod.length !== outer.length + planeBits + blocks.hostBlock) return undefined;
  const index = (pod.base - outer.base) >> BigInt(bits(pod.family) - pod.length);
  const hostBits = BigInt(blocks.hostBlock);
  return {
    plane: subnet ? Number(index >> hostBits) : undefined,
    host: Number(index & ((1n << hostBits) - 1n)),
  };
}

interface Claim {
  readonly host: string;
  readonly podCIDR: string;
  readonly pod: Prefix;
  readonly vlanCIDR: string;
  /** "" when only nicd's report names it. */
  readonly interfaceName: string;
  readonly planeIndex: number | undefined;
  readonly hostIndex: number;
}

/** Makes the rows of hosts that the CIDR objects do not list, from their IPPools and what their nicd reports. */
export function rebuild(seen: RebuildSeen): Rebuilt {
  const known = new Set(seen.stored.rows.map((row) => row.host));
  const claims = readClaims(seen, known);
  const hostIndexes = new Map<string, number>();
  for (const claim of claims) {
    const before = hostIndexes.get(claim.host);
    const better = before === undefined || seen.inUse.has(useKey(claim.host, claim.podCIDR));
    if (better) hostIndexes.set(claim.host, claim.hostIndex);
  }
  const planes = new Map<string, string>();
  for (const row of seen.stored.rows) planes.set(`${row.planeIndex}/${row.family}`, row.net);
  for (const { net, planeIndex } of seen.stored.empty) {
    const key = `${planeIndex}/${net.includes(":") ? 6 : 4}`;
    if (!planes.has(key)) planes.set(key, net);
  }
  for (const claim of claims) {
    const net = netOf(claim, seen.hosts.get(claim.host));
    const key = `${claim.planeIndex}/${claim.pod.family}`;
    if (net !== undefined && claim.planeIndex !== undefined && !planes.has(key)) {
      planes.set(key, net);
    }
  }
  const notes: string[] = [];
  inferPlanes(claims, planes, seen, notes);
  const rows: Row[] = [];
  const unknown = new Set<number>();
  let nextFree = 1 + Math.max(-1, ...[...planes.keys()].map((key) => Number.parseInt(key, 10)));
  const ownIndexes = new Map<string, number>();
  for (const row of seen.stored.rows) ownIndexes.set(row.net, row.planeIndex);
  for (const { net, planeIndex } of seen.stored.empty) {
    if (!ownIndexes.has(net)) ownIndexes.set(net, planeIndex);
  }
  for (const net of seen.nets) if (!ownIndexes.has(net)) ownIndexes.set(net, nextFree++);
  for (const claim of claims) {
    if (claim.hostIndex !== hostIndexes.get(claim.host)) continue;
    const net =
      claim.planeIndex === undefined
        ? claim.vlanCIDR
        : planes.get(`${claim.planeIndex}/${claim.pod.family}`);
    if (net === undefined) {
      if (claim.planeIndex !== undefined) unknown.add(claim.planeIndex);
      continue;
    }
    const planeIndex = claim.planeIndex ?? ownIndexes.get(net) ?? nextFree++;
    ownIndexes.set(net, planeIndex);
    const nic = seen.hosts
      .get(claim.host)
      ?.nics.find((n) =>
        claim.interfaceName === ""
          ? n.nets.some((at) => at.net === net)
          : n.interfaceName === claim.interfaceName,
      );
    const interfaceName = nic?.interfaceName ?? claim.interfaceName;
    if (interfaceName === "") continue;
    rows.push({
      host: claim.host,
      hostIndex: claim.hostIndex,
      planeIndex,
      family: claim.pod.family,
      net,
      vlanCIDR: claim.vlanCIDR,
      podCIDR: claim.podCIDR,
      interfaceName,
      hostIP: nic?.nets.find((at) => at.net === net)?.hostIP ?? "",
    });
  }
  return { rows, hostIndexes, planes: unknown, notes };
}

function readClaims(seen: RebuildSeen, known: ReadonlySet<string>): Claim[] {
  const { blocks, network, liveNodes } = seen;
  const claims = new Map<string, Claim>();
  const absent = (host: string) => known.has(host) || (liveNodes && !liveNodes.has(host));
  for (const { spec } of seen.pools) {
    if (spec.netAttachDef !== network || absent(spec.hostName)) continue;
    const pod = parsePrefix(spec.podCIDR);
    const vlan = parsePrefix(spec.vlanCIDR);
    const at = pod && vlan && decodePod(blocks, pod, vlan);
    if (!at) continue;
    const podCIDR = canonicalText(spec.podCIDR);
    claims.set(useKey(spec.hostName, podCIDR), {
      host: spec.hostName,
      podCIDR,
      pod,
      vlanCIDR: canonicalText(spec.vlanCIDR),
      interfaceName: spec.interfaceName,
      planeIndex: at.plane,
      hostIndex: at.host,
    });
  }
  for (const { host, podCIDR } of seen.inUse.values()) {
    if (absent(host) || claims.has(useKey(host, podCIDR))) continue;
    const pod = parsePrefix(podCIDR);
    if (!pod) continue;
    for (const vlan of vlansFor(seen, host, pod)) {
      const at = decodePod(blocks, pod, vlan.prefix);
      if (!at) continue;
      claims.set(useKey(host, podCIDR), {
        host,
        podCIDR,
        pod,
        vlanCIDR: vlan.text,
        interfaceName: "",
        planeIndex: at.plane,
        hostIndex: at.host,
      });
      break;
    }
  }
  return [...claims.values()];
}

/** A reported podCIDR names no vlanCIDR: with a subnet the blocks tell it, else it is one of the host's nets. */
function vlansFor(
  seen: RebuildSeen,
  host: string,
  pod: Prefix,
): { text: string; prefix: Prefix | undefined }[] {
  if (seen.blocks.subnets.length > 0) return [{ text: "", prefix: undefined }];
  const nets = seen.hosts.get(host)?.nics.flatMap((nic) => nic.nets) ?? [];
  return nets
    .filter((at) => at.family === pod.family)
    .map((at) => ({ text: at.net, prefix: parsePrefix(at.net) }));
}

function netOf(claim: Claim, host: HostNics | undefined): string | undefined {
  if (claim.interfaceName === "") return undefined;
  const nic = host?.nics.find((n) => n.interfaceName === claim.interfaceName);
  return nic?.nets.find((at) => at.family === claim.pod.family)?.net;
}

/**
 * Finds the nets of plane indexes that only nicd's reports name: ascending indexes, each the first net in planning order
 * that every host which reports it has. This is the order in which planes were numbered; it is said in a note.
 */
function inferPlanes(
  claims: readonly Claim[],
  planes: Map<string, string>,
  seen: RebuildSeen,
  notes: string[],
): void {
  const open = new Map<string, { index: number; family: number; hosts: Set<string> }>();
  for (const { planeIndex, pod, host } of claims) {
    const key = `${planeIndex}/${pod.family}`;
    if (planeIndex === undefined || planes.has(key)) continue;
    const entry = open.get(key) ?? { index: planeIndex, family: pod.family, hosts: new Set() };
    entry.hosts.add(host);
    open.set(key, entry);
  }
  const taken = new Set(planes.values());
  for (const [key, { index, family, hosts }] of [...open].sort((a, b) => a[1].index - b[1].index)) {
    const net = seen.nets.find(
      (candidate) =>
        !taken.has(candidate) &&
        candidate.includes(":") === (family === 6) &&
        [...hosts].every((host) =>
          seen.hosts.get(host)?.nics.some((nic) => nic.nets.some((at) => at.net === candidate)),
        ),
    );
    if (net === undefined) continue;
    taken.add(net);
    planes.set(key, net);
    notes.push(
      `plane ${index} is taken for ${net}: no CIDR object or IPPool says so, only the podCIDRs that hosts report`,
    );
  }
}
