import type { Allocation, IPPool } from "../api/kinds.ts";
import { codeOf } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { Controller, Next } from "../kube/controller.ts";
import { source } from "../kube/controller.ts";
import type { Kube, Store } from "../kube/kube.ts";
import { createQueue } from "../kube/queue.ts";
import { readNow } from "../kube/readnow.ts";
import type { Log } from "../log.ts";
import { poolUsage } from "../plan/poolusage.ts";
import type { Attachments } from "./attachments.ts";
import { isSound } from "./storedobject.ts";

export interface PublishPoolsDeps {
  readonly kube: Kube;
  /** This node's pools. */
  readonly pools: Store<IPPool>;
  readonly attachments: Attachments;
  readonly log: Log;
}

/** After an outage of the API server nothing waits longer than this for its next attempt. */
export const longestBackoffMs = 30_000;

/** Changes of a pool within this time become one write: a burst of pods is a handful of writes. */
const coalesceMs = 100;

/** Writes of one pool until its turn ends: each is of a version read after the last was refused. */
const attempts = 5;

/**
 * Makes the controller that mirrors this node's allocations into its IPPools, afterwards and with resourceVersion
 * checks. The record in SQLite is the truth: a mirror that differs is overwritten, one that lags harms nobody.
 */
export function publishPools(deps: PublishPoolsDeps, signal: AbortSignal): Controller {
  const { pools, attachments } = deps;
  const queue = createQueue({ maxMs: longestBackoffMs });
  const stop = attachments.onChange((network) => {
    for (const pool of pools.list()) {
      if (pool.spec.netAttachDef === network) queue.addAfter(pool.metadata.name, coalesceMs);
    }
  });
  signal.addEventListener("abort", stop, { once: true });
  return {
    name: "ippool-mirror",
    log: deps.log,
    queue,
    sources: [source(pools, (pool) => [pool.metadata.name])],
    reconcile: (name) => mirror(name, deps),
  };
}

/** The mirror, for who does not want to wait for it. */
export interface PoolMirror {
  /** Pools that do not list what is recorded, and how many rows they should list. */
  behind(): { readonly name: string; readonly rows: number }[];
  /** Writes one pool as it should be. */
  mirror(name: string): Promise<void>;
}

/** Makes the mirror of `multinic gc`. */
export function poolMirror(deps: PublishPoolsDeps): PoolMirror {
  return {
    behind: () => poolsBehind(deps),
    mirror: async (name) => {
      await mirror(name, deps);
    },
  };
}

/** Returns the pools that do not list what is recorded, and how many rows they should list. */
export function poolsBehind({
  pools,
  attachments,
}: {
  readonly pools: Pick<Store<IPPool>, "list">;
  readonly attachments: Pick<Attachments, "allocationsOf">;
}): { readonly name: string; readonly rows: number }[] {
  return pools.list().flatMap(({ metadata, spec }) => {
    if (metadata.deletionTimestamp !== undefined) return [];
    const wanted = attachments.allocationsOf(spec.netAttachDef, spec.podCIDR);
    const same = sameAllocations(spec.allocations, wanted);
    return same ? [] : [{ name: metadata.name, rows: wanted.length }];
  });
}

async function mirror(name: string, deps: PublishPoolsDeps): Promise<Next> {
  const seen = deps.pools.get(name);
  let pool = seen;
  for (let attempt = 1; ; attempt++) {
    if (!pool || pool.metadata.deletionTimestamp !== undefined) return "done";
    // A range that went to another host meanwhile is his pool now, under the same name.
    if (pool.spec.hostName !== seen?.spec.hostName) return "done";
    try {
      await write(pool, deps);
      return "done";
    } catch (error) {
      if (codeOf(error) !== "Conflict" || attempt === attempts) throw error;
      // The copy is old, and where the watch has lost an event it stays so until its next audit.
      const now = await readNow(deps.kube, "IPPool", name);
      pool = now && isSound(now) ? now : undefined;
    }
  }
}

async function write(pool: IPPool, { kube, attachments }: PublishPoolsDeps): Promise<void> {
  const { name, resourceVersion } = pool.metadata;
  const wanted = attachments.allocationsOf(pool.spec.netAttachDef, pool.spec.podCIDR);
  if (!sameAllocations(pool.spec.allocations, wanted)) {
    faultPoint("nicd.pool.begin");
    await kube.patch("IPPool", name, {
      metadata: { resourceVersion },
      spec: { allocations: wanted },
    });
    faultPoint("nicd.pool.allocations");
  }
  const usage = poolUsage({ ...pool.spec, allocations: wanted });
  if (pool.status?.usage !== usage) {
    await kube.patch("IPPool", name, { status: { usage } }, { subresource: "status" });
    faultPoint("nicd.pool.usage");
  }
}

function sameAllocations(a: readonly Allocation[], b: readonly Allocation[]): boolean {
  return (
    a.length === b.length &&
    a.every((row, i) => {
      const other = b[i];
      return (
        other !== undefined &&
        row.index === other.index &&
        row.address === other.address &&
        row.pod === other.pod &&
        row.namespace === other.namespace
      );
    })
  );
}
