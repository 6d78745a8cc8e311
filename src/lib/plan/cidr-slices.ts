import type { Cidr, CidrConfig, CidrEntry, CidrHost } from "../api/kinds.ts";
import { apiVersion } from "../api/meta.ts";
import type { Plane } from "./cidr-planes.ts";
import type { Row } from "./cidr-rows.ts";
import {
  labelValue,
  netnameLabel,
  poolNameOf,
  type Sha256,
  sliceName,
  sliceNumber,
} from "./names.ts";
import { same } from "./same.ts";

/** Annotation that fixes how a network is cut into slices: `hosts=16`, or `planes=24` where hostBlock is 0. */
export const sliceAnnotation = "multinic.fms.io/slice";

/** How a network is cut: slice k alone holds index [size·k, size·k+size) of hosts, or of planes where every host index is 0. */
export interface SliceCut {
  readonly by: "hosts" | "planes";
  readonly size: number;
}

export interface SlicesSeen {
  readonly config: CidrConfig;
  readonly rows: readonly Row[];
  readonly planes: readonly Plane[];
  /** vlanCIDR of each plane and family, keyed `<interfaceIndex>/<family>`. */
  readonly vlans: ReadonlyMap<string, string>;
  /** Nets to list even without a host, in the first slice. */
  readonly listed: ReadonlySet<string>;
  readonly slices: readonly Cidr[];
  readonly sha256: Sha256;
}

/** Builds every slice as it should be, in order; metadata of those that are there is carried over. */
export function buildSlices(seen: SlicesSeen): Cidr[] {
  const first = seen.slices.find((slice) => slice.metadata.name === seen.config.name);
  const anyCut = first ?? seen.slices[0];
  const by = seen.config.hostBlock === 0 ? "planes" : "hosts";
  const fixed = readCut(anyCut?.metadata.annotations?.[sliceAnnotation]);
  const cut = fixed?.by === by ? fixed : newCut(by, seen);
  const entries = new Map<number, Map<string, CidrEntry>>();
  const entry = (k: number, at: Pick<Row, "planeIndex" | "family" | "net">, vlanCIDR: string) => {
    const slice = entries.get(k) ?? new Map<string, CidrEntry>();
    entries.set(k, slice);
    const key = `${at.planeIndex}/${at.family}`;
    const found = slice.get(key) ?? {
      netAddress: at.net,
      interfaceIndex: at.planeIndex,
      vlanCIDR,
      hosts: [],
    };
    slice.set(key, found);
    return found;
  };
  if (seen.rows.length > 0 || seen.listed.size > 0) entries.set(0, new Map());
  const hosted = new Set<string>();
  for (const row of seen.rows) {
    const k = Math.floor((cut.by === "hosts" ? row.hostIndex : row.planeIndex) / cut.size);
    hosted.add(`${row.planeIndex}/${row.family}`);
    entry(k, row, row.vlanCIDR).hosts.push(hostOf(row, seen.config.name));
  }
  for (const { plane, net, family, vlanCIDR } of listedPlanes(seen, hosted)) {
    const k = cut.by === "hosts" ? 0 : Math.floor(plane.index / cut.size);
    entry(k, { planeIndex: plane.index, net, family }, vlanCIDR);
  }
  return [...entries]
    .sort(([a], [b]) => a - b)
    .map(([k, slice]) => sliceObject(k, [...slice.values()], { seen, cut }));
}

/**
 * Lists the writes that turn the slices that are there into the wanted ones. The first slice goes first, because every
 * new plane is written into it and a conflict there must stop the rest; it goes last when hosts leave it for other
 * slices (an object of v1.3.1 holds them all), so that no podCIDR is without an owner in between.
 */
export function sliceSteps(
  network: string,
  slices: readonly Cidr[],
  wanted: readonly Cidr[],
): { op: "create" | "replace" | "delete"; object: Cidr }[] {
  const before = new Map(slices.map((slice) => [slice.metadata.name, slice]));
  const writes: { op: "create" | "replace" | "delete"; object: Cidr }[] = [];
  for (const object of wanted) {
    const old = before.get(object.metadata.name);
    before.delete(object.metadata.name);
    if (!old) writes.push({ op: "create", object });
    else if (!same(old.spec, object.spec) || !same(old.metadata, object.metadata)) {
      writes.push({ op: "replace", object });
    }
  }
  const head = writes[0];
  if (writes.length > 1 && head?.object.metadata.name === network && head.op === "replace") {
    const old = slices.find((slice) => slice.metadata.name === network);
    if (old && movesHosts(old, head.object, wanted)) writes.push(...writes.splice(0, 1));
  }
  for (const object of before.values()) writes.push({ op: "delete", object });
  return writes;
}

/** Tells whether a CIDR object is a slice of this network; a network named like another's slice is told apart by its config. */
export function isSliceOf(network: string, cidr: Cidr): boolean {
  return (
    cidr.spec.config.name === network && sliceNumber(network, cidr.metadata.name) !== undefined
  );
}

/** Slice objects stay below this many bytes of JSON at their full range. */
const sliceBytes = 32_000;

function newCut(by: SliceCut["by"], seen: SlicesSeen): SliceCut {
  if (by === "planes") return { by, size: 24 };
  const entries = seen.planes.reduce((sum, plane) => sum + Object.keys(plane.nets).length, 0);
  const row = seen.rows.reduce((most, r) => Math.max(most, rowBytes(r, seen.config.name)), 160);
  const config = JSON.stringify(seen.config).length + 150 * entries + 500;
  return { by, size: entries <= 8 && 16 * entries * (row + 6) + config <= sliceBytes ? 16 : 4 };
}

function rowBytes(row: Row, network: string): number {
  return JSON.stringify(hostOf(row, network)).length + 1;
}

function readCut(text: string | undefined): SliceCut | undefined {
  const [, by, size] = /^(hosts|planes)=([1-9][0-9]{0,3})$/.exec(text ?? "") ?? [];
  if (size === undefined) return undefined;
  return { by: by === "hosts" ? "hosts" : "planes", size: Number(size) };
}

function hostOf(row: Row, network: string): CidrHost {
  return {
    hostIndex: row.hostIndex,
    hostName: row.host,
    interfaceName: row.interfaceName,
    hostIP: row.hostIP,
    podCIDR: row.podCIDR,
    ippool: poolNameOf(network, row.podCIDR),
  };
}

function listedPlanes(seen: SlicesSeen, hosted: ReadonlySet<string>) {
  const out: { plane: Plane; net: string; family: 4 | 6; vlanCIDR: string }[] = [];
  for (const plane of seen.planes) {
    for (const family of [4, 6] as const) {
      const net = plane.nets[family];
      const vlanCIDR = seen.vlans.get(`${plane.index}/${family}`);
      if (net === undefined || vlanCIDR === undefined) continue;
      if (hosted.has(`${plane.index}/${family}`) || seen.listed.has(net)) {
        out.push({ plane, net, family, vlanCIDR });
      }
    }
  }
  return out;
}

function sliceObject(
  k: number,
  entries: CidrEntry[],
  at: { seen: SlicesSeen; cut: SliceCut },
): Cidr {
  const { seen, cut } = at;
  const name = sliceName(seen.config.name, k);
  const old = seen.slices.find((slice) => slice.metadata.name === name);
  entries.sort(
    (a, b) =>
      a.interfaceIndex - b.interfaceIndex ||
      Number(a.netAddress.includes(":")) - Number(b.netAddress.includes(":")),
  );
  for (const { hosts } of entries) hosts.sort((a, b) => a.hostIndex - b.hostIndex);
  const whole = cut.by === "hosts" || seen.config.masterNets.length <= cut.size;
  const own = new Set(entries.map((entry) => entry.netAddress));
  const masterNets = whole ? seen.config.masterNets : [...own];
  return {
    apiVersion: old?.apiVersion ?? apiVersion,
    kind: "CIDR",
    metadata: {
      ...old?.metadata,
      name,
      labels: {
        ...old?.metadata.labels,
        [netnameLabel]: labelValue(seen.config.name, seen.sha256),
      },
      annotations: {
        ...old?.metadata.annotations,
        [sliceAnnotation]: `${cut.by}=${cut.size}`,
      },
    },
    spec: { config: { ...seen.config, masterNets }, cidr: entries },
  };
}

function movesHosts(old: Cidr, wanted: Cidr, slices: readonly Cidr[]): boolean {
  const names = (cidr: Cidr) =>
    new Set(cidr.spec.cidr.flatMap((e) => e.hosts.map((h) => h.hostName)));
  const stay = names(wanted);
  const left = [...names(old)].filter((host) => !stay.has(host));
  if (left.length === 0) return false;
  const elsewhere = new Set(slices.filter((s) => s !== wanted).flatMap((s) => [...names(s)]));
  return left.some((host) => elsewhere.has(host));
}
