import { type Finding, finding } from "./doctor-finding.ts";
import { startNicd } from "./doctor-record.ts";

/** How nicd itself stands. */
export interface DaemonSeen {
  readonly node: string;
  /** Why it did not answer; undefined = it did. */
  readonly away: string | undefined;
  /** The record's file, where it is gone although this boot had one. */
  readonly lost: string | undefined;
  /** Keys whose late ADD would be refused. */
  readonly graves: readonly Key[];
  readonly attached: readonly Key[];
  readonly tombstones: { readonly pending: readonly string[]; readonly bad: readonly string[] };
  readonly copies: Readonly<Record<string, Copy | undefined>>;
  /** resourceVersions by kind and name, as the API server has them; undefined = it was not asked. */
  readonly versions: Readonly<Record<string, ReadonlyMap<string, string>>> | undefined;
}

interface Key {
  readonly network: string;
  readonly containerID: string;
  readonly ifname: string;
}

interface Copy {
  readonly synced: boolean;
  readonly versions: Readonly<Record<string, string>>;
}

/** Finds what is wrong with the daemon, its copies of objects and the detaches that it should have taken. */
export function examineDaemon(seen: DaemonSeen): Finding[] {
  const out: Finding[] = [];
  const { node, away, tombstones } = seen;
  if (away !== undefined) {
    const what = `nicd of node ${node} does not answer: ${away}`;
    const stuck = away.includes("no answer came");
    const cause = stuck ? { cause: "its process is stopped or stuck" } : {};
    out.push(finding("NicdAway", node, { what, mend: startNicd, ...cause }));
  }
  if (seen.lost !== undefined) {
    const what = `the record ${seen.lost} is gone, empty or of an earlier boot: pods hold addresses that it does not know`;
    const mend = `kubectl drain ${node} --ignore-daemonsets   # then reboot it; or put the file back. While nicd has its journal in /run/multinic, starting nicd is enough`;
    out.push(finding("RecordLost", node, { what, mend }));
  }
  for (const file of tombstones.pending) {
    const what = `a pod's DEL waits in ${file}: its addresses are still held`;
    out.push(finding("TombstonePending", file, { what, mend: away ? startNicd : "multinic gc" }));
  }
  for (const file of tombstones.bad) {
    const what = `${file} is no tombstone and frees nothing`;
    out.push(finding("TombstoneBad", file, { what, mend: `cat ${file}; rm ${file}` }));
  }
  const attached = new Set(seen.attached.map(keyText));
  for (const key of seen.graves) {
    if (!attached.has(keyText(key))) continue;
    const what = `${key.ifname} of container ${key.containerID} on ${key.network} is attached and buried at once`;
    out.push(finding("GraveOnAttached", keyText(key), { what, mend: startNicd }));
  }
  out.push(...examineCopies(seen));
  return out;
}

function examineCopies({ copies, versions }: DaemonSeen): Finding[] {
  const out: Finding[] = [];
  for (const [kind, copy] of Object.entries(copies)) {
    if (!copy) continue;
    if (!copy.synced) {
      const what = `nicd has no whole list of ${kind} objects yet`;
      out.push(finding("CopyUnsynced", kind, { what, mend: startNicd }));
      continue;
    }
    const there = versions?.[kind];
    if (!there) continue;
    const names = new Set([...there.keys(), ...Object.keys(copy.versions)]);
    for (const name of names) {
      const has = copy.versions[name];
      const is = there.get(name);
      if (has === is) continue;
      const say = (version: string | undefined) => (version === undefined ? "nothing" : version);
      const what = `nicd's copy of ${kind} ${name} is ${say(has)}, the API server has ${say(is)}`;
      // With the version: one that follows, however late, is another finding at the next look.
      out.push(finding("CopyBehind", `${kind} ${name} ${say(has)}`, { what, mend: startNicd }));
    }
  }
  return out;
}

function keyText({ network, containerID, ifname }: Key): string {
  return `${network} ${containerID} ${ifname}`;
}
