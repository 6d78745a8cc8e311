import { explain } from "../errors.ts";
import type { Log } from "../log.ts";
import type { MendReply, MendRequest } from "../node/contract.ts";
import { readTombstones } from "../node/tombstone.ts";
import { describeHeld } from "../plan/held.ts";
import type { Attachments } from "./attachments.ts";
import type { Collector } from "./collector.ts";
import type { PoolMirror } from "./publishpools.ts";
import { replayTombstones } from "./replay.ts";

export interface MendDeps {
  /** Folder of the detaches that were left while nicd was away. */
  readonly tombstones: readonly string[];
  readonly attachments: Attachments;
  readonly collector: Pick<Collector, "proofs" | "release">;
  readonly pools: PoolMirror;
  /** Brings the host's routes in line, or only says how: one sentence each. */
  readonly routes: (dryRun: boolean) => Promise<MendReply>;
  readonly log: Log;
}

/**
 * Does now what nicd does from time to time: takes tombstones, frees what is proven lost, mirrors the pools, sets the
 * routes. Nothing is freed here on less proof than there. With `dryRun` it only says what it would do.
 */
export async function mendNode({ dryRun }: MendRequest, deps: MendDeps): Promise<MendReply> {
  const steps: string[] = [];
  const failures: string[] = [];
  const part = async (what: string, act: () => Promise<MendReply> | readonly string[]) => {
    try {
      const done = await act();
      steps.push(...("steps" in done ? done.steps : done));
      if ("failures" in done) failures.push(...done.failures);
    } catch (error) {
      failures.push(`${what}: ${explain(error)}`);
    }
  };
  await part("tombstones", () => takeTombstones(dryRun, deps));
  await part("lost attachments", () => collect(dryRun, deps));
  await part("IPPools", () => mirrorPools(dryRun, deps.pools));
  await part("routes", () => deps.routes(dryRun));
  return { steps, failures };
}

function takeTombstones(dryRun: boolean, deps: MendDeps): string[] {
  const steps = deps.tombstones
    .flatMap(readTombstones)
    .map((found) =>
      "problem" in found
        ? `set ${found.file} aside: ${found.problem}`
        : `take the DEL of ${found.tombstone.key.ifname} of container ${found.tombstone.key.containerID} that waits in ${found.file}`,
    );
  if (!dryRun)
    for (const folder of deps.tombstones) replayTombstones(folder, deps.attachments, deps.log);
  return steps;
}

async function collect(dryRun: boolean, deps: MendDeps): Promise<MendReply> {
  const { attachments, collector } = deps;
  const held = new Map(attachments.list().map((one) => [keyText(one), one]));
  const proofs = await collector.proofs();
  const released = new Set(
    (dryRun ? proofs.map(({ key }) => key) : await collector.release(proofs)).map(keyText),
  );
  const failures = proofs
    .filter(({ key }) => !released.has(keyText(key)))
    .map(
      ({ key }) =>
        `${key.ifname} of container ${key.containerID}: EC2 did not unassign its addresses, nicd's log says why; it tries again`,
    );
  const done = proofs.filter(({ key }) => released.has(keyText(key)));
  const steps = done.map(({ key, proof }) => {
    const one = held.get(keyText(key));
    const what = one ? describeHeld(one) : `${key.ifname} of container ${key.containerID}`;
    const addresses = one?.interfaces.flatMap((nic) => nic.addresses.map((a) => a.address)) ?? [];
    return `release ${what} (${addresses.join(", ") || "no address"}): ${proof}`;
  });
  return { steps, failures };
}

async function mirrorPools(dryRun: boolean, pools: PoolMirror): Promise<MendReply> {
  const steps: string[] = [];
  const failures: string[] = [];
  for (const { name, rows } of pools.behind()) {
    steps.push(`write the ${rows} allocations of IPPool ${name}`);
    if (dryRun) continue;
    try {
      await pools.mirror(name);
    } catch (error) {
      failures.push(`IPPool ${name}: ${explain(error)}`);
    }
  }
  return { steps, failures };
}

function keyText(key: { network: string; containerID: string; ifname: string }): string {
  return `${key.network} ${key.containerID} ${key.ifname}`;
}
