import type { Fault } from "../errors.ts";
import {
  bits,
  comparePrefixes,
  type Family,
  formatPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixOf,
  size,
  subPrefix,
} from "../ip.ts";
import {
  coveredIndexes,
  type IndexRange,
  mergeRanges,
  mergeSpans,
  type Span,
} from "./cidr-spans.ts";

/** What a network says about its blocks; `subnet` is "", one CIDR, or one per family with a comma. */
export interface BlockConfig {
  readonly subnet: string;
  readonly hostBlock: number;
  readonly interfaceBlock: number;
  readonly excludeCIDRs?: readonly string[] | undefined;
}

/** A network's blocks, checked. No subnets: each plane's own net address is its vlanCIDR. */
export interface Blocks {
  /** At most one per family, IPv4 first. */
  readonly subnets: readonly Prefix[];
  readonly hostBlock: number;
  readonly interfaceBlock: number;
  /** Exclusions sorted by address. */
  readonly excludes: readonly Prefix[];
  /** The same merged: a block is skipped when the union covers it. */
  readonly excluded: readonly Span[];
}

/** What the fields are called where the faults are read. */
export interface BlockPaths {
  readonly subnet: string;
  readonly hostBlock: string;
  readonly interfaceBlock: string;
  readonly excludeCIDRs: string;
}

/** Field paths of a MultiNicNetwork. */
export const networkPaths: BlockPaths = {
  subnet: "spec.subnet",
  hostBlock: "spec.ipam.hostBlock",
  interfaceBlock: "spec.ipam.interfaceBlock",
  excludeCIDRs: "spec.ipam.excludeCIDRs",
};

/** Bits a podCIDR must keep: its first and last address are never handed out. */
export const minPodBits = 2;
/** At most this many addresses of a podCIDR are used: an IPv6 one could not be kept in memory whole. */
const maxPodAddresses = 1n << 16n;

/** Checks a network's blocks and gives all faults at once; `blocks` is there only without faults. */
export function parseBlocks(
  config: BlockConfig,
  paths: BlockPaths = networkPaths,
): { readonly blocks?: Blocks; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const subnets = parseSubnets(config.subnet, paths.subnet, faults);
  const excludes = parseExcludes(config.excludeCIDRs ?? [], paths.excludeCIDRs, faults);
  const whole = (value: number, path: string) => {
    if (Number.isInteger(value) && value >= 0) return true;
    faults.push({ path, problem: `${value} is not a number of bits: a whole number from 0 up` });
    return false;
  };
  const interfaceOk = whole(config.interfaceBlock, paths.interfaceBlock);
  const hostOk = whole(config.hostBlock, paths.hostBlock);
  if (interfaceOk && hostOk) {
    for (const subnet of subnets) {
      const fault = overflow(subnet, config, paths);
      if (fault) faults.push(fault);
    }
  }
  if (faults.length > 0) return { faults };
  const { hostBlock, interfaceBlock } = config;
  const excluded = mergeSpans(excludes);
  return { blocks: { subnets, hostBlock, interfaceBlock, excludes, excluded }, faults };
}

/** Returns the families whose addresses this network's pods get. */
export function familiesOf(blocks: Blocks): readonly Family[] {
  return blocks.subnets.length === 0 ? [4, 6] : blocks.subnets.map((subnet) => subnet.family);
}

/** Returns a plane's vlanCIDR: the subnet's block, or the net address itself without a subnet; undefined when the subnet has no such family. */
export function vlanBlock(blocks: Blocks, net: Prefix, interfaceIndex: number): Prefix | undefined {
  if (blocks.subnets.length === 0) return net;
  const subnet = blocks.subnets.find((s) => s.family === net.family);
  return subnet && subPrefix(subnet, subnet.length + blocks.interfaceBlock, interfaceIndex);
}

/** Returns a host's podCIDR inside a vlanCIDR; undefined when the vlanCIDR is too small to be cut and still hold a pod. */
export function podBlock(blocks: Blocks, vlan: Prefix, hostIndex: number): Prefix | undefined {
  const length = vlan.length + blocks.hostBlock;
  if (length > bits(vlan.family) - minPodBits) return undefined;
  return subPrefix(vlan, length, hostIndex);
}

/** Returns how many planes the blocks can number; undefined without a subnet, where planes are not cut from anything. */
export function planeLimit(blocks: Blocks): bigint | undefined {
  return blocks.subnets.length === 0 ? undefined : 1n << BigInt(blocks.interfaceBlock);
}

/** Returns how many hosts the blocks can number. */
export function hostLimit(blocks: Blocks): bigint {
  return 1n << BigInt(blocks.hostBlock);
}

/** Returns the plane indexes whose block is excluded whole in any family: they stay unused. */
export function skippedPlanes(blocks: Blocks): IndexRange[] {
  return mergeRanges(
    blocks.subnets.flatMap((subnet) =>
      coveredIndexes(blocks.excluded, subnet, subnet.length + blocks.interfaceBlock),
    ),
  );
}

/** Returns the host indexes whose block is excluded whole in any of these vlanCIDRs: one index serves all planes. */
export function skippedHosts(blocks: Blocks, vlans: readonly Prefix[]): IndexRange[] {
  if (blocks.excluded.length === 0) return [];
  return mergeRanges(
    vlans.flatMap((vlan) => coveredIndexes(blocks.excluded, vlan, vlan.length + blocks.hostBlock)),
  );
}

/** Returns the highest index of a podCIDR that may be handed out; the lowest is 1. */
export function lastUsableIndex(pod: Prefix): number {
  const count = size(pod);
  return Number(count > maxPodAddresses ? maxPodAddresses - 1n : count - 2n);
}

/** Returns the smallest number of bits that numbers `count` things. */
export function bitsFor(count: number | bigint): number {
  const n = BigInt(count);
  return n <= 1n ? 0 : (n - 1n).toString(2).length;
}

function overflow(subnet: Prefix, config: BlockConfig, paths: BlockPaths): Fault | undefined {
  const { hostBlock, interfaceBlock } = config;
  const free = bits(subnet.family) - subnet.length;
  const room = free - minPodBits;
  if (interfaceBlock + hostBlock <= room) return undefined;
  const text = formatPrefix(subnet);
  const why = `${text} has ${free} bits below its prefix and a podCIDR needs ${minPodBits} of them`;
  if (room < 0) {
    const length = bits(subnet.family) - minPodBits - interfaceBlock - hostBlock;
    const fits = length >= 0 ? `; these blocks need a /${length} or larger` : "";
    return { path: paths.subnet, problem: `${text} is too small to hold pods${fits}` };
  }
  if (interfaceBlock > room) {
    return {
      path: paths.interfaceBlock,
      problem: `${interfaceBlock} bits do not fit: ${why}; at most ${room} fit`,
    };
  }
  return {
    path: paths.hostBlock,
    problem: `${hostBlock} bits do not fit: ${why}, interfaceBlock takes ${interfaceBlock}; at most ${room - interfaceBlock} fit`,
  };
}

function parseSubnets(text: string, path: string, faults: Fault[]): Prefix[] {
  if (text.trim() === "") return [];
  const out: Prefix[] = [];
  for (const part of text.split(",").map((p) => p.trim())) {
    const prefix = parsePrefix(part);
    if (!prefix) {
      faults.push({ path, problem: `"${part}" is not a CIDR such as 192.168.0.0/16` });
    } else if (out.some((other) => other.family === prefix.family)) {
      faults.push({ path, problem: `"${text}" has two IPv${prefix.family} CIDRs: one per family` });
    } else out.push(prefix);
  }
  return out.sort((a, b) => a.family - b.family);
}

function parseExcludes(list: readonly string[], path: string, faults: Fault[]): Prefix[] {
  const out: Prefix[] = [];
  for (const [i, text] of list.entries()) {
    const prefix = parseRange(text);
    if (prefix) out.push(prefix);
    else faults.push({ path: `${path}[${i}]`, problem: `"${text}" is not a CIDR or an address` });
  }
  return out.sort(comparePrefixes);
}

/** Parses a CIDR, or a single address as the block that holds only it. */
export function parseRange(text: string): Prefix | undefined {
  const address = parseAddress(text);
  return address ? prefixOf(address, bits(address.family)) : parsePrefix(text);
}
