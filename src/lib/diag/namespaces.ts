import { readdirSync, statSync } from "node:fs";
import { codeOf, explain } from "../errors.ts";
import type { Kernel, Netns } from "../linux/kernel.ts";
import { openNetns } from "../linux/netns.ts";
import type { Held, SeenNamespace, SeenPodLink } from "../plan/held.ts";

/** Where runtimes bind namespaces: containerd, CRI-O and ip-netns(8); dockershim. */
const folders = ["/run/netns", "/var/run/docker/netns"];
const own = "/proc/self/ns/net";

export interface NamespacesLook {
  readonly namespaces: readonly SeenNamespace[];
  readonly unchecked: readonly string[];
}

/**
 * Reads the links of every network namespace of this node that can be found: recorded ones, those bound by name, and those
 * that processes have. `host` is open in the host's own. One that vanishes meanwhile is left out.
 */
export function lookAtNamespaces(host: Kernel, held: readonly Held[]): NamespacesLook {
  const unchecked: string[] = [];
  const namespaces: SeenNamespace[] = [];
  const masters = new Map(host.links().map(({ index, name }) => [index, name]));
  const failures = new Map<string, string[]>();
  using home = openNetns(own);
  for (const { path, processes } of candidates(held, home)) {
    try {
      using netns = openNetns(path);
      const seen = readNamespace(netns, { home, masters, processes });
      namespaces.push(seen);
    } catch (error) {
      if (["ENOENT", "NotNetns", "ESRCH"].includes(codeOf(error) ?? "")) continue;
      const why = explain(error).replace(path, "it");
      failures.set(why, [...(failures.get(why) ?? []), path]);
    }
  }
  for (const [why, paths] of failures) {
    unchecked.push(`links in ${paths.length} namespaces, the first ${paths[0]}: ${why}`);
  }
  return { namespaces, unchecked };
}

interface Candidate {
  readonly path: string;
  readonly processes: number[];
}

/** Each namespace once, the host's own left out. */
function candidates(held: readonly Held[], home: Netns): Candidate[] {
  const found = new Map<string, Candidate>();
  const add = (path: string, pid?: number) => {
    try {
      const { dev, ino } = statSync(path, { bigint: true });
      if (ino === home.ino && dev === home.dev) return;
      const key = `${dev} ${ino}`;
      const one = found.get(key) ?? { path, processes: [] };
      found.set(key, one);
      if (pid !== undefined) one.processes.push(pid);
    } catch {
      // Gone, or a process of somebody else's that may not be looked at: nothing to read there.
    }
  };
  for (const { netns } of held) if (netns !== "") add(netns);
  for (const folder of folders) for (const name of list(folder)) add(`${folder}/${name}`);
  for (const pid of list("/proc"))
    if (/^[0-9]+$/.test(pid)) add(`/proc/${pid}/ns/net`, Number(pid));
  return [...found.values()];
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function readNamespace(
  netns: Netns,
  of: {
    readonly home: Netns;
    readonly masters: ReadonlyMap<number, string>;
    readonly processes: readonly number[];
  },
): SeenNamespace {
  using kernel = netns.open();
  const host = kernel.nsidOf(of.home.fd);
  const addresses = Map.groupBy(kernel.addresses(), ({ index }) => index);
  const links = kernel.links().map((link): SeenPodLink => {
    const onHost = link.link !== 0 && link.linkNetnsid !== undefined && link.linkNetnsid === host;
    return {
      index: link.index,
      name: link.name,
      altnames: link.altnames,
      kind: link.kind,
      mode: link.ipvlan?.mode ?? link.macvlan?.mode,
      up: link.up,
      mtu: link.mtu,
      master: onHost ? of.masters.get(link.link) : undefined,
      addresses: (addresses.get(link.index) ?? []).map(({ address }) => address),
    };
  });
  const { path, dev, ino } = netns;
  return { path, dev: String(dev), ino: String(ino), processes: of.processes, links };
}
