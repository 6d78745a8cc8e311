import { readFileSync } from "node:fs";
import type { KubeObject } from "../api/meta.ts";
import { codeOf, explain } from "../errors.ts";
import { openKernel } from "../linux/rtnetlink.ts";
import { CriSandboxes } from "../nicd/cri.ts";
import { netnsState } from "../nicd/netnsstate.ts";
import { readTableNames } from "../nicd/rtnames.ts";
import type { CopiedObjects, RecordReply } from "../node/contract.ts";
import { databasePath } from "../node/paths.ts";
import type { Examined, Finding } from "../plan/doctor-finding.ts";
import { examineFirewall } from "../plan/doctor-firewall.ts";
import { examineLinks } from "../plan/doctor-links.ts";
import { examineDaemon } from "../plan/doctor-node.ts";
import { lostNames, type ObjectsSeen } from "../plan/doctor-objects.ts";
import { examinePoolsOfNode, examineSandboxes } from "../plan/doctor-record.ts";
import { examineRoutes } from "../plan/doctor-routes.ts";
import { examineRpFilter } from "../plan/doctor-rpfilter.ts";
import { podPackets, railNics } from "../plan/doctor-traffic.ts";
import type { NodePaths } from "../settings.ts";
import { lookAtFirewall } from "./firewalllook.ts";
import { lookAtNamespaces } from "./namespaces.ts";
import { lookAtTombstones, type RecordLook } from "./recordlook.ts";

/** nicd replays tombstones every 10 s: an older one is not on its way. */
const tombstoneMs = 20_000;

export interface NodeSources {
  readonly paths: NodePaths;
  readonly look: RecordLook;
  /** From the API server, else nicd's copies; undefined = neither could be had. */
  readonly objects: ObjectsSeen | undefined;
  /** Objects come from the API server: nicd's copies can be compared with them. */
  readonly fresh: boolean;
  readonly podUids: ReadonlySet<string> | undefined;
}

/** Compares this node's record, kernel, sandboxes and objects. */
export async function lookAtNode(from: NodeSources): Promise<Examined> {
  const { look, objects, paths } = from;
  const { record } = look;
  const unchecked: string[] = [];
  const findings: Finding[] = examineDaemon({
    node: record.node,
    away: look.away,
    lost: look.lost ? databasePath(paths) : undefined,
    graves: record.graves,
    attached: record.attachments,
    tombstones: lookAtTombstones(paths, { now: Date.now(), olderThanMs: tombstoneMs }),
    copies: record.copies,
    versions: from.fresh && objects ? versionsOf(objects, record) : undefined,
  });
  if (look.lost) {
    unchecked.push("who holds which address: the record is lost");
    return { findings, unchecked };
  }
  const pools = objects?.pools.filter((pool) => pool.spec.hostName === record.node);
  findings.push(...(await sandboxes(from, unchecked)));
  if (objects && pools) {
    const at = { now: Date.now(), unreadable: lostNames(objects, "IPPool") };
    findings.push(...examinePoolsOfNode(record.attachments, pools, at));
  } else
    unchecked.push("IPPools, CIDRs, routes and rules: the API server and nicd gave no objects");
  findings.push(...kernel(from, unchecked));
  if (objects) findings.push(...(await firewall(objects, record.node, unchecked)));
  return { findings, unchecked };
}

async function sandboxes(from: NodeSources, unchecked: string[]): Promise<Finding[]> {
  const { record } = from.look;
  const listed = await listSandboxes(record, unchecked);
  const { podUids } = from;
  if (record.cri === "" && !podUids) {
    unchecked.push(
      "live sandboxes: there is no container runtime socket, and the pods of this node are not known",
    );
  }
  const findings = examineSandboxes(record.attachments, {
    bootId: record.bootId,
    now: Date.now(),
    sandboxes: listed,
    netns: (held) => netnsState(held),
    podUids: record.cri === "" ? podUids : undefined,
  });
  return findings;
}

async function listSandboxes(
  record: RecordReply,
  unchecked: string[],
): Promise<ReadonlySet<string> | undefined> {
  if (record.cri === "") return undefined;
  const cri = new CriSandboxes(record.cri);
  try {
    return await cri.list();
  } catch (error) {
    unchecked.push(`live sandboxes: ${explain(error)}`);
    return undefined;
  } finally {
    cri.close();
  }
}

function kernel({ look, objects, paths }: NodeSources, unchecked: string[]): Finding[] {
  const { record } = look;
  using host = openKernel();
  const links = host.links();
  const addresses = Map.groupBy(host.addresses(), ({ index }) => index);
  const pools = objects?.pools.filter((pool) => pool.spec.hostName === record.node) ?? [];
  const seen = lookAtNamespaces(host, record.attachments);
  unchecked.push(...seen.unchecked);
  const findings = examineLinks({
    now: Date.now(),
    held: record.attachments,
    namespaces: seen.namespaces,
    hostLinks: links.map((link) => ({
      name: link.name,
      mtu: link.mtu,
      addresses: (addresses.get(link.index) ?? []).map(({ address }) => address),
    })),
    podCIDRs: pools.map((pool) => pool.spec.podCIDR),
    excludes: pools.flatMap((pool) => pool.spec.excludes),
  });
  if (!objects) return findings;
  const routes = examineRoutes({
    hostName: record.node,
    links,
    kernel: {
      routes: [...host.routes({ family: 4 }), ...host.routes({ family: 6 })],
      rules: [...host.rules(4), ...host.rules(6)],
    },
    networks: objects.networks,
    slices: objects.slices,
    unreadable: objects.unreadable,
    tables: record.tables,
    named: readTableNames(paths.iproute2Dir),
    attached: new Set(record.attachments.map(({ network }) => network)),
  });
  return [...findings, ...routes];
}

async function firewall(
  objects: ObjectsSeen,
  node: string,
  unchecked: string[],
): Promise<Finding[]> {
  const rails = examineRpFilter(railNics(objects, node, readRpFilter));
  const packets = podPackets(objects.slices, node);
  if (packets.length === 0) return rails;
  const seen = await lookAtFirewall();
  const examined = examineFirewall(seen.chains, packets);
  unchecked.push(...seen.unchecked, ...examined.unchecked);
  return [...rails, ...examined.findings];
}

/** The kernel takes the larger of both (Documentation/networking/ip-sysctl.rst). */
function readRpFilter(nic: string): number {
  const read = (name: string) => {
    try {
      return Number(readFileSync(`/proc/sys/net/ipv4/conf/${name}/rp_filter`, "utf8"));
    } catch (error) {
      // A NIC that is away filters nothing.
      if (codeOf(error) === "ENOENT") return 0;
      throw error;
    }
  };
  return Math.max(read("all"), read(nic));
}

function versionsOf(
  objects: ObjectsSeen,
  { node, copies }: RecordReply,
): Record<string, ReadonlyMap<string, string>> {
  const of = (kind: keyof CopiedObjects, list: readonly KubeObject[]) => {
    // Whose an unreadable pool is, it does not say.
    const lost = objects.unreadable
      .map(({ object }) => object)
      .filter((one) => one.kind === kind && copies[kind]?.versions[one.metadata.name]);
    return new Map(
      [...list, ...lost].map(({ metadata }) => [metadata.name, metadata.resourceVersion ?? ""]),
    );
  };
  const pools = objects.pools.filter((pool) => pool.spec.hostName === node);
  const hosts = objects.hostInterfaces.filter((host) => host.metadata.name === node);
  return {
    CIDR: of("CIDR", objects.slices),
    MultiNicNetwork: of("MultiNicNetwork", objects.networks),
    IPPool: of("IPPool", pools),
    HostInterface: of("HostInterface", hosts),
  };
}
