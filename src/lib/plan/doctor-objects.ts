import type {
  Cidr,
  CidrEntry,
  CidrHost,
  HostInterface,
  IPPool,
  MultiNicNetwork,
} from "../api/kinds.ts";
import type { Unreadable } from "../api/meta.ts";
import { comparePrefixes, overlaps, type Prefix, parsePrefix } from "../ip.ts";
import { blocksOf, isWithin } from "./cidr-membership.ts";
import { type Finding, finding } from "./doctor-finding.ts";
import { restartOperator } from "./doctor-record.ts";
import { poolNameOf } from "./names.ts";
import { networkOf } from "./networkof.ts";

/** A cluster's objects; `pods` undefined = they were not listed. */
export interface ObjectsSeen {
  /** Pools, HostInterfaces and pods are this node's only; undefined = they are everybody's. */
  readonly node: string | undefined;
  readonly networks: readonly MultiNicNetwork[];
  readonly slices: readonly Cidr[];
  readonly pools: readonly IPPool[];
  readonly hostInterfaces: readonly HostInterface[];
  /** Objects of these kinds that are not in those lists: what they give to whom is not known. */
  readonly unreadable: readonly Unreadable[];
  /** `namespace/name` of every pod, with its node. */
  readonly pods: ReadonlyMap<string, string> | undefined;
}

/** Finds what objects alone can show. */
export function examineObjects(seen: ObjectsSeen): Finding[] {
  const all = seen.slices.flatMap((slice) =>
    slice.spec.cidr.flatMap((entry) => entry.hosts.map((host) => ({ slice, entry, host }))),
  );
  const { node } = seen;
  const rows = node === undefined ? all : all.filter(({ host }) => host.hostName === node);
  return [
    ...seen.unreadable.map(unreadable),
    ...examineNetworks(seen.networks),
    ...examineHosts(seen, rows),
    ...examinePodCIDRs(all),
    ...examinePools(seen, rows),
    ...examineRows(seen),
    ...examineMtus(seen.hostInterfaces, rows),
  ];
}

interface Row {
  readonly slice: Cidr;
  readonly entry: CidrEntry;
  readonly host: CidrHost;
}

function unreadable({ object, problem }: Unreadable): Finding {
  const { kind, metadata } = object;
  const mend = `kubectl edit ${kind.toLowerCase()} ${metadata.name}`;
  return finding("ObjectUnreadable", `${kind} ${metadata.name}`, { what: problem, mend });
}

/** Names the objects of one kind that are there and cannot be read. */
export function lostNames(
  seen: Pick<ObjectsSeen, "unreadable">,
  kind: string,
): ReadonlySet<string> {
  const lost = seen.unreadable.filter(({ object }) => object.kind === kind);
  return new Set(lost.map(({ object }) => object.metadata.name));
}

function examineNetworks(networks: readonly MultiNicNetwork[]): Finding[] {
  return networks.flatMap(({ metadata: { name }, status }) => {
    if (status?.configStatus !== "Failed") return [];
    const what = `network ${name}: ${status.message || "configStatus is Failed"}`;
    return [finding("NetworkFailed", name, { what, mend: `kubectl edit multinicnetwork ${name}` })];
  });
}

function examineHosts(seen: ObjectsSeen, rows: readonly Row[]): Finding[] {
  const out: Finding[] = [];
  const hosts = seen.hostInterfaces;
  const lost = lostNames(seen, "HostInterface");
  const known = new Map(hosts.map((host) => [host.metadata.name, host]));
  for (const name of new Set(rows.map(({ host }) => host.hostName))) {
    if (known.has(name) || lost.has(name)) continue;
    const what = `node ${name} has podCIDRs and no HostInterface`;
    out.push(finding("HostInterfaceMissing", name, { what, mend: restartNicd(name) }));
  }
  for (const {
    metadata: { name },
    status,
  } of hosts) {
    for (const { type, status: is, reason, message } of status?.conditions ?? []) {
      if (is !== "False") continue;
      const what = `HostInterface ${name}: ${type} is False (${reason}): ${message}`;
      const mend = `kubectl describe hostinterface ${name}`;
      out.push(finding("ConditionFalse", `${name} ${type}`, { what, mend }));
    }
    for (const { name: network, wanted, applied, failures } of status?.networks ?? []) {
      if (applied >= wanted && failures.length === 0) continue;
      const why = failures.length > 0 ? `: ${failures.join("; ")}` : "";
      const what = `node ${name} has ${applied} of ${wanted} routes of network ${network}${why}`;
      out.push(
        finding("RoutesBehind", `${name} ${network}`, { what, mend: onNode(name, "multinic gc") }),
      );
    }
  }
  for (const { host, entry, slice } of rows) {
    const nics = known.get(host.hostName)?.spec.interfaces;
    const own = nics?.filter((nic) => nic.interfaceName === host.interfaceName);
    if (!own || lost.has(host.hostName)) continue;
    const network = slice.spec.config.name;
    if (own.length > 0) {
      if (host.hostIP === "" || own.some((nic) => nic.hostIP === host.hostIP)) continue;
      const has = own.map((nic) => nic.hostIP || "no address").join(", ");
      const what = `CIDR ${slice.metadata.name} sends what is for ${host.hostName} to ${host.hostIP}; its ${host.interfaceName} has ${has}`;
      const subject = `${host.hostName} ${host.interfaceName} ${host.hostIP}`;
      out.push(finding("HostIPDiffers", subject, { what, mend: restartOperator }));
      continue;
    }
    const what = `network ${network} has ${host.interfaceName} of ${host.hostName} on ${entry.netAddress}, and the node offers no such NIC`;
    const mend = onNode(host.hostName, `ip link show ${host.interfaceName}`);
    out.push(finding("MasterMissing", `${host.hostName} ${host.interfaceName}`, { what, mend }));
  }
  return out;
}

/** A podCIDR is one host's alone, and no two share an address; sorted by address only neighbours can. */
function examinePodCIDRs(rows: readonly Row[]): Finding[] {
  const blocks: { row: Row; prefix: Prefix }[] = rows.flatMap((row) => {
    const prefix = parsePrefix(row.host.podCIDR);
    return prefix ? [{ row, prefix }] : [];
  });
  blocks.sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  const out: Finding[] = [];
  let widest = blocks[0];
  for (const block of blocks.slice(1)) {
    if (widest && overlaps(widest.prefix, block.prefix)) out.push(claimed(widest.row, block.row));
    else widest = block;
  }
  return out;
}

function claimed(a: Row, b: Row): Finding {
  const say = ({ host, slice }: Row) =>
    `${host.podCIDR} of ${host.hostName} (CIDR ${slice.metadata.name})`;
  const what = `podCIDRs share addresses: ${say(a)} and ${say(b)}`;
  const mend = `kubectl edit cidr ${b.slice.metadata.name}`;
  return finding("PodCIDRTwice", `${a.host.podCIDR} ${b.host.podCIDR} ${b.host.hostName}`, {
    what,
    mend,
  });
}

function examinePools(seen: ObjectsSeen, rows: readonly Row[]): Finding[] {
  const out: Finding[] = [];
  const { pools } = seen;
  const lost = lostNames(seen, "IPPool");
  const unknown = new Set(
    seen.unreadable.flatMap(({ object }) => (object.kind === "CIDR" ? networkOf(object) : [])),
  );
  const present = new Map(pools.map((pool) => [pool.metadata.name, pool]));
  const wanted = new Set<string>();
  for (const { slice, entry, host } of rows) {
    const network = slice.spec.config.name;
    const name = poolNameOf(network, host.podCIDR);
    wanted.add(name);
    const pool = present.get(name);
    if (lost.has(name)) continue;
    if (!pool) {
      const what = `IPPool ${name} of ${host.hostName} is not there: no pod gets an address of ${host.podCIDR}`;
      out.push(
        finding("PoolMissing", `${network} ${host.podCIDR}`, { what, mend: restartOperator }),
      );
      continue;
    }
    const { spec } = pool;
    const differs = [
      spec.hostName === host.hostName ? [] : `host ${spec.hostName} for ${host.hostName}`,
      spec.interfaceName === host.interfaceName
        ? []
        : `NIC ${spec.interfaceName} for ${host.interfaceName}`,
      spec.vlanCIDR === entry.vlanCIDR ? [] : `vlanCIDR ${spec.vlanCIDR} for ${entry.vlanCIDR}`,
    ].flat();
    if (differs.length === 0) continue;
    const what = `IPPool ${name} differs from CIDR ${slice.metadata.name}: ${differs.join(", ")}`;
    out.push(finding("PoolDiffers", name, { what, mend: restartOperator }));
  }
  for (const [name, { spec }] of present) {
    if (wanted.has(name) || unknown.has(spec.netAttachDef)) continue;
    const held = spec.allocations.length;
    const what = `IPPool ${name} of ${spec.hostName} is wanted by no CIDR of network ${spec.netAttachDef}; ${held} addresses are held`;
    const mend =
      held === 0 ? `kubectl delete ippool ${name}` : onNode(spec.hostName, "multinic gc");
    out.push(finding("PoolUnplanned", name, { what, mend }));
  }
  return out;
}

/** Every row of every pool: no address twice, none outside, none excluded, none of a pod that is gone. */
function examineRows({ pools, pods }: ObjectsSeen): Finding[] {
  const out: Finding[] = [];
  const holders = new Map<string, string>();
  for (const {
    metadata: { name },
    spec,
  } of pools) {
    const inside = blocksOf([spec.podCIDR]);
    const excluded = blocksOf(spec.excludes);
    const mend = onNode(spec.hostName, "multinic gc");
    for (const { address, pod, namespace } of spec.allocations) {
      const holder = `${namespace}/${pod}`;
      const row = `IPPool ${name} lists ${address} as ${holder}'s`;
      const recreate = `kubectl -n ${namespace} delete pod ${pod}`;
      const other = holders.get(address);
      if (other !== undefined) {
        const what = `${row}, and ${other}`;
        out.push(finding("AddressTwice", address, { what, mend: recreate }));
      } else holders.set(address, row);
      if (!isWithin(inside, address)) {
        const what = `${row}, which is outside ${spec.podCIDR}`;
        out.push(finding("AddressOutsidePool", address, { what, mend }));
      } else if (isWithin(excluded, address)) {
        const what = `${row}, which it excludes`;
        out.push(finding("AddressExcluded", address, { what, mend: recreate }));
      }
      if (pods && pod !== "" && pods.get(holder) !== spec.hostName) {
        const where = pods.has(holder) ? `runs on ${pods.get(holder) || "no node"}` : "is gone";
        const what = `${row} on ${spec.hostName}, and that pod ${where}`;
        out.push(finding("PodGone", `${spec.hostName} ${holder} ${address}`, { what, mend }));
      }
    }
  }
  return out;
}

/** NICs of one plane that carry packets of different sizes lose the large ones. */
function examineMtus(hosts: readonly HostInterface[], rows: readonly Row[]): Finding[] {
  const mtus = new Map<string, number>();
  for (const { metadata, status } of hosts)
    for (const { interfaceName, mtu } of status?.interfaces ?? [])
      if (mtu !== undefined) mtus.set(`${metadata.name} ${interfaceName}`, mtu);
  const planes = Map.groupBy(
    rows,
    ({ slice, entry }) => `${slice.spec.config.name} ${entry.netAddress}`,
  );
  const out: Finding[] = [];
  for (const [plane, list] of planes) {
    const seen = list.flatMap(({ host }) => {
      const mtu = mtus.get(`${host.hostName} ${host.interfaceName}`);
      return mtu === undefined ? [] : [{ host, mtu }];
    });
    const usual = mostCommon(seen.map(({ mtu }) => mtu));
    for (const { host, mtu } of seen) {
      if (mtu === usual || usual === undefined) continue;
      const what = `${host.interfaceName} of ${host.hostName} has MTU ${mtu}, the other hosts on ${plane.split(" ")[1]} have ${usual}`;
      const mend = onNode(host.hostName, `ip link set ${host.interfaceName} mtu ${usual}`);
      out.push(finding("MtuDiffers", `${host.hostName} ${host.interfaceName}`, { what, mend }));
    }
  }
  return out;
}

function mostCommon(values: readonly number[]): number | undefined {
  const groups = [...Map.groupBy(values, (value) => value)];
  return groups.sort(([a, x], [b, y]) => y.length - x.length || b - a)[0]?.[0];
}

/** Writes a command that has to be run on a node. */
export function onNode(node: string, command: string): string {
  return `${command}   # on node ${node}`;
}

function restartNicd(node: string): string {
  return `kubectl -n multi-nic-cni-operator delete pod -l app=multi-nicd --field-selector spec.nodeName=${node}`;
}
