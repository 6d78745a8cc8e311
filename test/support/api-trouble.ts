import type { Trouble } from "./api-faults.ts";
import { type Random, random } from "./random.ts";
import type { ProxySeen } from "./run-fault-proxy.ts";
import type { TroubledLab } from "./troubled-lab.ts";

/** How pods are started and ended while the API server fails. */
export interface PodDriver {
  /** Returns the pod's addresses; throws when it could not be started. */
  add(host: string, name: string): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
}

export interface TroubleRun {
  readonly durationMs: number;
  /** Goes on beyond that time, while all is well, until so many pods were started and a network came and went. */
  readonly leastPods: number;
  readonly trouble: Trouble;
  readonly workers: number;
  readonly pods: PodDriver;
  readonly seed: number;
  /** Time between two outages of the whole API server, in ms. */
  readonly outageEveryMs: number;
  /** Also kills nicds and restarts the operator. */
  readonly restarts: boolean;
  readonly say?: (line: string) => void;
}

export interface TroubleCounts {
  readonly added: number;
  readonly removed: number;
  readonly networks: number;
  readonly outages: number;
  readonly restarts: number;
  /** What went wrong with pods: `ADD p1: why`. */
  readonly failures: readonly string[];
  readonly live: ReadonlyMap<string, readonly string[]>;
  readonly seen: ProxySeen;
}

/**
 * Starts and ends pods without a pause while the API server behind the proxy fails in every way, networks and namespaces
 * come and go, and daemons restart. An address that two live pods have is a failure. The trouble has ended on return.
 */
export async function runTrouble(at: TroubledLab, run: TroubleRun): Promise<TroubleCounts> {
  const failures: string[] = [];
  const live = new Map<string, readonly string[]>();
  const owners = new Map<string, string>();
  let [added, removed, networks, outages, restarts] = [0, 0, 0, 0, 0];
  const end = performance.now() + run.durationMs;
  const isEnough = () => failures.length > 0 || (added >= run.leastPods && networks > 0);
  const goesOn = () => performance.now() < end || !isEnough();
  const attempt = async (what: string, act: () => Promise<void>) => {
    try {
      await act();
    } catch (error) {
      failures.push(`${what}: ${error instanceof Error ? error.message : error}`);
    }
  };
  const addOne = (name: string, host: string) =>
    attempt(`ADD ${name} on ${host}`, async () => {
      const addresses = await run.pods.add(host, name);
      if (addresses.length === 0) failures.push(`ADD ${name}: no address`);
      for (const address of addresses) {
        const other = owners.get(address);
        if (other !== undefined) failures.push(`${address} belongs to ${other} and to ${name}`);
        owners.set(address, name);
      }
      live.set(name, addresses);
      added++;
    });
  const removeOne = (name: string) =>
    attempt(`DEL ${name}`, async () => {
      // Free from the moment at which DEL begins: another may have it before DEL has returned.
      for (const address of live.get(name) ?? []) owners.delete(address);
      live.delete(name);
      await run.pods.remove(name);
      removed++;
    });
  const worker = async (id: number) => {
    const chance = random(run.seed + id);
    const own: string[] = [];
    for (let i = 0; goesOn(); i++) {
      if (own.length < 4 && (own.length === 0 || chance.int(2) === 0)) {
        // Names are used again at once, as a StatefulSet's are.
        const name = `w${id}-${i % 5}`;
        if (own.includes(name)) continue;
        await addOne(name, chance.pick(at.hosts));
        if (live.has(name)) own.push(name);
      } else await removeOne(own.shift() ?? "");
    }
  };
  const changes = async () => {
    const chance = random(run.seed + 1000);
    for (let i = 0; goesOn(); i++) {
      await change(at, { chance, i, goesOn });
      networks++;
    }
  };
  const outage = async () => {
    let next = performance.now() + run.outageEveryMs;
    while (goesOn()) {
      await Bun.sleep(500);
      if (performance.now() < next) continue;
      await at.away();
      await Bun.sleep(run.outageEveryMs / 8);
      await at.back();
      outages++;
      next = performance.now() + run.outageEveryMs;
    }
  };
  const restarting = async () => {
    const chance = random(run.seed + 2000);
    while (run.restarts && goesOn()) {
      await Bun.sleep(20_000);
      if (chance.int(2) === 0) await at.lab.do("lab", "daemon", "restart-operator");
      else {
        const host = chance.pick(at.hosts);
        await at.lab.do("lab", "daemon", "kill", "--host", host);
        await at.lab.do("lab", "daemon", "start", "--host", host);
      }
      restarts++;
      run.say?.(`${added} pods started, ${removed} ended, ${failures.length} failures`);
    }
  };
  await at.trouble(run.trouble);
  try {
    const workers = Array.from({ length: run.workers }, (_, id) => worker(id));
    await Promise.all([...workers, changes(), outage(), restarting()]);
  } finally {
    await at.trouble(undefined);
    await at.back();
  }
  const seen = await at.seen();
  return { added, removed, networks, outages, restarts, failures, live, seen };
}

/** Makes, then deletes, a network and a namespace; what stays of them when the run is over is for its end to see. */
async function change(
  at: TroubledLab,
  { chance, i, goesOn }: { chance: Random; i: number; goesOn: () => boolean },
): Promise<void> {
  const name = `extra-${i % 3}`;
  await at.kubectl(["apply", "-f", "-"], extraNetwork(name, i % 3));
  const space = { apiVersion: "v1", kind: "Namespace", metadata: { name: `space-${i}` } };
  await at.kubectl(["apply", "-f", "-"], space);
  await Bun.sleep(2000 + chance.int(6000));
  const kinds = [`multinicnetwork/${name}`, `namespace/space-${i}`];
  await at.kubectl(["delete", "--wait=false", ...kinds]);
  const isThere = async () =>
    (await at.kubectl(["get", "multinicnetworks", "-o", "name"])).includes(name);
  while (goesOn() && (await isThere())) await Bun.sleep(300);
}

function extraNetwork(name: string, i: number) {
  return {
    apiVersion: "multinic.fms.io/v1",
    kind: "MultiNicNetwork",
    metadata: { name },
    spec: {
      subnet: `172.${20 + i}.0.0/16`,
      ipam: '{"type":"multi-nic-ipam","hostBlock":6,"interfaceBlock":2,"vlanMode":"l3"}',
      multiNICIPAM: true,
      plugin: { cniVersion: "1.0.0", type: "macvlan", args: { mode: "bridge" } },
    },
  };
}
