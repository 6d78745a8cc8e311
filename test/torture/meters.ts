import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { healthPort, operatorHealthPort } from "../../src/lib/lab/daemons.ts";
import type { Lab } from "../../src/lib/lab/lab.ts";

/** One sample: what was measured, by `<subject> <measure>`: `nicd-host1 rss_kib`. */
export type Sample = Readonly<Record<string, number>>;

interface Watched {
  readonly name: string;
  readonly pid: number;
  readonly metrics: string;
}

/** Our own kinds, which have to stay as large as their pods. */
const kinds = [
  "MultiNicNetwork",
  "CIDR",
  "IPPool",
  "HostInterface",
  "NetworkAttachmentDefinition",
] as const;

/** Returns a way to sample a lab's daemons, records and objects. */
export function createMeters(lab: Lab): () => Promise<Sample> {
  const watched: Watched[] = lab.hosts.map(({ host }) => ({
    name: `nicd-${host.name}`,
    pid: pidOf(["nicd", "--node", host.name]),
    metrics: `http://${host.address}:${healthPort}/metrics`,
  }));
  const [first] = lab.hosts;
  if (first) {
    watched.push({
      name: "operator",
      pid: pidOf(["operator"]),
      metrics: `http://${first.host.address}:${operatorHealthPort}/metrics`,
    });
  }
  return async () => {
    const sample: Record<string, number> = {};
    for (const one of watched) {
      for (const [measure, value] of Object.entries(await processSample(one)))
        sample[`${one.name} ${measure}`] = value;
    }
    for (const { host, pid } of lab.hosts) {
      // The host's files, through the root of the process that holds its mount namespace.
      const file = `/proc/${pid}/root/var/lib/multinic/state.db`;
      sample[`nicd-${host.name} db_kib`] = sizeOf(file) / 1024;
      sample[`nicd-${host.name} wal_kib`] = sizeOf(`${file}-wal`) / 1024;
    }
    for (const kind of kinds) {
      const { items } = await lab.kube.list(kind);
      const bytes = items.reduce((all, item) => all + JSON.stringify(item).length, 0);
      sample[`api ${kind}_objects`] = items.length;
      sample[`api ${kind}_bytes`] = bytes;
    }
    sample["api Event_objects"] = (await lab.kube.list("Event")).items.length;
    return sample;
  };
}

async function processSample({ pid, metrics }: Watched): Promise<Record<string, number>> {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(rollup)?.[1]);
  const answer = await fetch(metrics);
  const text = await answer.text();
  const metric = (name: string) => Number(new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1]);
  return {
    rss_kib: kib("Rss"),
    pss_kib: kib("Pss"),
    private_kib: kib("Private_Dirty") + kib("Private_Clean"),
    heap_kib: metric("multinic_heap_bytes") / 1024,
    // Free of garbage: as of the daemon's last collection, at most a minute ago.
    live_kib: metric("multinic_heap_live_bytes") / 1024,
    timers: metric("multinic_timers"),
    fds: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
  };
}

/** Finds the lab's process whose words begin with the program and these. */
function pidOf(words: readonly string[]): number {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const file = `/proc/${entry}/cmdline`;
    const [, ...rest] = existsSync(file) ? readFileSync(file, "utf8").split("\0") : [];
    if (words.every((word, i) => rest[i] === word)) return Number(entry);
  }
  throw new Error(`no process of the lab runs ${words.join(" ")}`);
}

function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}
