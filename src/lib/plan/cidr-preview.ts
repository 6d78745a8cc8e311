import type { Fault } from "../errors.ts";
import { formatPrefix, overlaps, type Prefix, parsePrefix } from "../ip.ts";
import {
  type BlockPaths,
  type Blocks,
  parseBlocks,
  podBlock,
  skippedPlanes,
} from "./cidr-blocks.ts";
import { capacityOf, firstIndexes, skippedOn, vlansAt } from "./cidr-capacity.ts";
import { fitBlocks } from "./cidr-fit.ts";
import { covers } from "./cidr-spans.ts";

/** What `multinic cidr preview` was asked. */
export interface PreviewSeen {
  readonly subnet: string;
  readonly hostBlock: number | undefined;
  readonly interfaceBlock: number | undefined;
  readonly excludeCIDRs: readonly string[];
  readonly nics: number | undefined;
  /** Names of the hosts, or how many. */
  readonly hosts: readonly string[] | number | undefined;
  readonly podsPerHost: number | undefined;
  /** Net addresses of the planes, in order; with two families v4 and v6 of a plane one after the other. */
  readonly nets: readonly string[];
  readonly avoid: readonly string[];
}

export interface PreviewHost {
  readonly hostName: string;
  readonly hostIndex: number | string;
  readonly podCIDR: string;
}

export interface PreviewEntry {
  readonly netAddress: string;
  readonly interfaceIndex: number | string;
  readonly vlanCIDR: string;
  readonly hosts: readonly PreviewHost[];
}

/** The answer as `-o json` prints it; numbers above 2^53 are strings. */
export interface Preview {
  readonly subnet: string;
  readonly families: readonly ("IPv4" | "IPv6")[];
  readonly capacity: {
    readonly interfaces: number | string;
    readonly hosts: number | string;
    readonly podsPerHostInterface: number | string;
  };
  readonly cidrs: readonly PreviewEntry[];
  readonly warnings: readonly string[];
}

export interface PreviewOutcome {
  /** Undefined when there are no blocks to show. */
  readonly preview: Preview | undefined;
  readonly blocks: { readonly hostBlock: number; readonly interfaceBlock: number } | undefined;
  /** True when the blocks were looked for. */
  readonly fitted: boolean;
  /** Why it does not fit; [] = it fits. */
  readonly faults: readonly Fault[];
}

/** What is listed where nobody said how many: enough to see the pattern. */
const shown = { planes: 16, hosts: 16 };
/** Rows of planes times hosts at most, whatever was asked; the rest is counted in a warning. */
const maxRows = 65_536;

const paths: BlockPaths = {
  subnet: "--subnet",
  hostBlock: "--host-block",
  interfaceBlock: "--interface-block",
  excludeCIDRs: "--exclude",
};

/** Works out what a subnet and its blocks give, as planning will give it to hosts in the order of the list. */
export function planPreview(seen: PreviewSeen): PreviewOutcome {
  const netsOfPlanes = pairNets(seen);
  const planesAsked = Math.max(seen.nics ?? 0, netsOfPlanes.length) || undefined;
  const hostNames = typeof seen.hosts === "number" ? undefined : seen.hosts;
  const hostsAsked = typeof seen.hosts === "number" ? seen.hosts : seen.hosts?.length;
  const demand = {
    planes: planesAsked,
    hosts: hostsAsked,
    podsPerHostInterface: seen.podsPerHost,
  };
  const chosen = chooseBlocks(seen, demand);
  if ("reason" in chosen) {
    return {
      preview: undefined,
      blocks: undefined,
      fitted: true,
      faults: [{ path: "", problem: chosen.reason }],
    };
  }
  const { hostBlock, interfaceBlock, fitted } = chosen;
  const parsed = parseBlocks({ ...seen, hostBlock, interfaceBlock }, paths);
  if (!parsed.blocks) {
    return { preview: undefined, blocks: undefined, fitted, faults: parsed.faults };
  }
  const { blocks } = parsed;
  const planes = firstIndexes(
    1n << BigInt(interfaceBlock),
    skippedPlanes(blocks),
    Math.min(planesAsked ?? shown.planes, maxRows),
  );
  const capacity = capacityOf(blocks, planesAsked === undefined ? undefined : planes);
  const faults = shortfalls(demand, capacity, blocks);
  const rows = Math.max(1, Math.floor(maxRows / Math.max(1, planes.length)));
  const wanted = Math.min(hostsAsked ?? shown.hosts, rows);
  const indexes = firstIndexes(1n << BigInt(hostBlock), skippedOn(blocks, planes), wanted);
  const cidrs = planes.flatMap((plane, i) =>
    vlansAt(blocks, plane).map(
      (vlan): PreviewEntry => ({
        netAddress: netsOfPlanes[i]?.find((net) => net.family === vlan.family)?.text ?? "",
        interfaceIndex: plain(plane),
        vlanCIDR: formatPrefix(vlan),
        hosts: hostsOf(blocks, vlan, { indexes, hostNames }),
      }),
    ),
  );
  const cut = (hostsAsked ?? 0) > rows && BigInt(rows) < capacity.hosts;
  return {
    preview: {
      subnet: seen.subnet,
      families: blocks.subnets.map((subnet) => (subnet.family === 4 ? "IPv4" : "IPv6")),
      capacity: {
        interfaces: plain(capacity.interfaces),
        hosts: plain(capacity.hosts),
        podsPerHostInterface: plain(capacity.podsPerHostInterface),
      },
      cidrs,
      warnings: [
        ...overlapWarnings(blocks, seen),
        ...(cut ? [`only the first ${rows} of ${hostsAsked} hosts are listed`] : []),
      ],
    },
    blocks: { hostBlock, interfaceBlock },
    fitted,
    faults,
  };
}

function chooseBlocks(
  seen: PreviewSeen,
  demand: {
    planes: number | undefined;
    hosts: number | undefined;
    podsPerHostInterface: number | undefined;
  },
) {
  const { hostBlock, interfaceBlock } = seen;
  const missing =
    hostBlock === undefined || (interfaceBlock === undefined && demand.planes !== undefined);
  if (!missing) return { hostBlock, interfaceBlock: interfaceBlock ?? 0, fitted: false };
  const found = fitBlocks({ ...seen, demand }, paths);
  return "reason" in found ? found : { ...found, fitted: true };
}

function hostsOf(
  blocks: Blocks,
  vlan: Prefix,
  list: { indexes: readonly bigint[]; hostNames: readonly string[] | undefined },
): PreviewHost[] {
  return list.indexes.flatMap((index, i) => {
    const pod = podBlock(blocks, vlan, Number(index));
    if (!pod || covers(blocks.excluded, pod)) return [];
    const hostName = list.hostNames?.[i] ?? `host${i + 1}`;
    return [{ hostName, hostIndex: plain(index), podCIDR: formatPrefix(pod) }];
  });
}

/** Groups nets into planes: a v6 net right after a v4 one belongs to its plane when the subnet has both families. */
function pairNets(seen: PreviewSeen): { text: string; family: 4 | 6 }[][] {
  const dual = seen.subnet.includes(",");
  const planes: { text: string; family: 4 | 6 }[][] = [];
  for (const net of seen.nets) {
    const prefix = parsePrefix(net);
    if (!prefix || isForeign(seen, net)) continue;
    const at = { text: formatPrefix(prefix), family: prefix.family };
    const top = planes.at(-1);
    if (dual && at.family === 6 && top?.length === 1 && top[0]?.family === 4) top.push(at);
    else planes.push([at]);
  }
  return planes;
}

/** Tells whether a net is of a family that the subnet does not have: its plane would get no addresses. */
function isForeign(seen: PreviewSeen, net: string): boolean {
  return !seen.subnet.split(",").some((part) => part.includes(":") === net.includes(":"));
}

function shortfalls(
  demand: {
    planes: number | undefined;
    hosts: number | undefined;
    podsPerHostInterface: number | undefined;
  },
  capacity: { interfaces: bigint; hosts: bigint; podsPerHostInterface: bigint },
  blocks: Blocks,
): Fault[] {
  const faults: Fault[] = [];
  const short = (asked: number | undefined, has: bigint, path: string, what: string) => {
    if (asked === undefined || BigInt(asked) <= has) return;
    faults.push({ path, problem: `${what}: ${asked} are asked for and ${has} fit` });
  };
  short(
    demand.planes,
    capacity.interfaces,
    paths.interfaceBlock,
    `${blocks.interfaceBlock} bits number too few planes`,
  );
  short(
    demand.hosts,
    capacity.hosts,
    paths.hostBlock,
    `${blocks.hostBlock} bits number too few hosts`,
  );
  short(
    demand.podsPerHostInterface,
    capacity.podsPerHostInterface,
    paths.hostBlock,
    "the blocks leave too few addresses for pods of one host and NIC",
  );
  return faults;
}

function overlapWarnings(blocks: Blocks, seen: PreviewSeen): string[] {
  const out = seen.nets
    .filter((net) => isForeign(seen, net))
    .map((net) => `--net ${net} has no address family of the subnet: left out`);
  for (const [flag, list] of [
    ["--avoid", seen.avoid],
    ["--net", seen.nets],
  ] as const) {
    for (const text of list) {
      const range = parsePrefix(text);
      const hit = range && blocks.subnets.find((subnet) => overlaps(subnet, range));
      if (hit) out.push(`${formatPrefix(hit)} overlaps ${flag} ${text}`);
    }
  }
  return out;
}

function plain(value: bigint): number | string {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? String(value) : Number(value);
}
