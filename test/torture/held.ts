import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { RunningHost } from "../../src/lib/lab/hosts.ts";
import type { Lab } from "../../src/lib/lab/lab.ts";
import type { Examined, Finding } from "../../src/lib/plan/doctor-finding.ts";
import { program } from "./labinside.ts";

/** One address and who holds it: `host namespace address`. */
type Held = Set<string>;

/**
 * Compares a quiet lab's records, kernels and pools on its own, then asks `multinic doctor` on every host. Returns every
 * disagreement; [] = an address is in a pod's namespace exactly when it is in the record and in the pool, and once.
 */
export async function disagreements(lab: Lab): Promise<string[]> {
  const own = await settledHolders(lab);
  const asked = await Promise.all(lab.hosts.map((host) => doctorOn(lab, host)));
  return [...own, ...asked.flat()];
}

/**
 * Asks `multinic doctor` on one host, which looks again for a while before it says that something is wrong. That pools are
 * full is so here, and no disagreement.
 */
export async function doctorOn(lab: Lab, host: RunningHost): Promise<string[]> {
  const kubeconfig = `${lab.options.dir}/kubeconfig`;
  const ran = await host.exec([program, "doctor", "--kubeconfig", kubeconfig, "-o", "json"]);
  const where = `doctor on ${host.host.name}`;
  if (ran.stdout === "") return [`${where}: exit ${ran.code} ${ran.stderr}`];
  const { findings, unchecked } = JSON.parse(ran.stdout) as Examined;
  const isFull = ({ name, what }: Finding) => name === "ConditionFalse" && / is full: /.test(what);
  return [
    ...findings
      .filter((one) => !isFull(one))
      .map((one) => `${where}: ${one.name} ${one.subject} ${one.what}`),
    ...unchecked.map((one) => `${where}: not checked: ${one}`),
  ];
}

/** Pools follow the record within moments: what they lack at first is looked at again. */
async function settledHolders(lab: Lab): Promise<string[]> {
  const end = performance.now() + 30_000;
  for (;;) {
    const found = await holders(lab);
    if (found.length === 0 || performance.now() > end) return found;
    await Bun.sleep(250);
  }
}

async function holders(lab: Lab): Promise<string[]> {
  const pools = (await lab.kube.list("IPPool")).items.flatMap(({ spec }) =>
    (spec.allocations ?? []).map((row) => `${spec.hostName} ${row.address}`),
  );
  const records = (await Promise.all(lab.hosts.map((host) => recorded(lab, host)))).flat();
  const kernels = (await Promise.all(lab.hosts.map(inKernel))).flat();
  const withoutNetns = (held: string) => held.replace(/ \S+ /, " ");
  return [
    ...twice("the record", records),
    ...twice("the kernel", kernels),
    ...twice("the pools", pools),
    ...difference(new Set(kernels), new Set(records), ["in a pod", "the record"]),
    ...difference(new Set(records.map(withoutNetns)), new Set(pools), ["recorded", "the pools"]),
  ];
}

/** Rows of a host's record, read from a copy of its file: SQLite finds no way through another mount namespace. */
async function recorded(lab: Lab, host: RunningHost): Promise<string[]> {
  const copy = join(lab.options.dir, host.host.name, "record");
  const line = `rm -rf ${copy}; mkdir ${copy}; cp /var/lib/multinic/state.db* ${copy}`;
  const { stderr, code } = await host.exec(["sh", "-c", line]);
  if (code !== 0) throw new Error(`Cannot copy the record of ${host.host.name}: ${stderr}`);
  using db = new Database(join(copy, "state.db"));
  return db
    .query<{ netns: string; address: string }, []>(
      "SELECT t.netns AS netns, a.address AS address FROM addresses a JOIN attachments t ON t.id = a.attachment",
    )
    .all()
    .map(({ netns, address }) => `${host.host.name} ${netns.split("/").at(-1)} ${address}`);
}

/** Addresses in a host's pod namespaces, as the kernel lists them. */
async function inKernel(host: RunningHost): Promise<string[]> {
  const line =
    'cd /run/netns; for n in cni-*; do [ -e "$n" ] && ip -o -4 -n $n addr show | sed "s/^/$n /"; done; true';
  const { stdout, stderr, code } = await host.exec(["sh", "-c", line]);
  if (code !== 0) throw new Error(`Cannot list addresses on ${host.host.name}: ${stderr}`);
  return stdout.split("\n").flatMap((text) => {
    const found = /^(\S+) \d+: (\S+)\s+inet (\S+)\//.exec(text);
    return found && found[2] !== "lo" ? [`${host.host.name} ${found[1]} ${found[3]}`] : [];
  });
}

function twice(where: string, rows: readonly string[]): string[] {
  const seen = new Map<string, string>();
  return rows.flatMap((row) => {
    const address = row.split(" ").at(-1) ?? "";
    const before = seen.get(address);
    seen.set(address, row);
    return before === undefined ? [] : [`twice in ${where}: ${before} and ${row}`];
  });
}

function difference(left: Held, right: Held, [here, there]: readonly [string, string]): string[] {
  return [
    ...[...left.difference(right)].map((row) => `${here}, not in ${there}: ${row}`),
    ...[...right.difference(left)].map((row) => `in ${there}, not ${here}: ${row}`),
  ];
}
