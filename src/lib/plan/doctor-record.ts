import type { IPPool } from "../api/kinds.ts";
import { blocksOf, isWithin } from "./cidr-membership.ts";
import { type Finding, finding } from "./doctor-finding.ts";
import { type Attached, garbage, looksApartMs, type NetnsState } from "./garbage.ts";
import { describeHeld, type Held, heldKey, recreate } from "./held.ts";
import { poolNameOf } from "./names.ts";

const collect = "multinic gc";
/** How long a mirror may lag behind a new attachment (ms), in a burst of pods. */
const mirrorMs = 10_000;

/** Who is alive on a node, as far as it could be seen. */
export interface SandboxesSeen {
  readonly bootId: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What the CRI lists; undefined = this node has none, or it could not be asked. */
  readonly sandboxes: ReadonlySet<string> | undefined;
  readonly netns: (held: Held) => NetnsState;
  /** UIDs of the pods on this node; undefined = not known. */
  readonly podUids: ReadonlySet<string> | undefined;
}

/** Finds attachments whose sandbox is gone by the proofs that nicd frees on; one look stands for the two that it takes. */
export function examineSandboxes(held: readonly Held[], seen: SandboxesSeen): Finding[] {
  const { sandboxes, now } = seen;
  const byKey = new Map(held.map((one) => [heldKey(one), one]));
  const looks = sandboxes && [
    { at: now - looksApartMs, ids: sandboxes },
    { at: now, ids: sandboxes },
  ];
  const attached = held.map(
    (one): Attached<string> => ({
      key: heldKey(one),
      containerID: one.containerID,
      podUid: one.pod.uid,
      bootId: one.bootId,
      attachedAt: one.attachedAt,
    }),
  );
  const netns = ({ key }: Attached<string>) => {
    const one = byKey.get(key);
    return one ? seen.netns(one) : "unknown";
  };
  const proofs = garbage(attached, { ...seen, sandboxes: looks, netns });
  return proofs.flatMap(({ key }) => {
    const one = byKey.get(key);
    if (!one) return [];
    const has = addressesOf(one).join(", ") || "no address";
    if (one.bootId !== seen.bootId) {
      const what = `${describeHeld(one)} holds ${has} since boot ${one.bootId}`;
      return [finding("AttachmentOldBoot", key, { what, mend: startNicd })];
    }
    const why = sandboxes
      ? `the container runtime does not list ${one.containerID.slice(0, 13)}`
      : `${one.netns} is gone, and no pod ${one.pod.uid} is on this node`;
    const what = `${describeHeld(one)} holds ${has}, and ${why}`;
    return [finding("SandboxGone", key, { what, mend: collect })];
  });
}

/** Compares what is recorded with this node's pools: every address inside its pool, in none of its exclusions, and mirrored. */
export function examinePoolsOfNode(
  held: readonly Held[],
  pools: readonly IPPool[],
  at: {
    readonly now: number;
    /** Names of pools that are there and cannot be read. */
    readonly unreadable: ReadonlySet<string>;
  },
): Finding[] {
  const out: Finding[] = [];
  const byPool = new Map(
    pools.map((pool) => [`${pool.spec.netAttachDef} ${pool.spec.podCIDR}`, pool]),
  );
  const rows = new Map<string, Map<string, Held>>();
  for (const one of held) {
    for (const { address, podCIDR } of one.interfaces.flatMap((nic) => nic.addresses)) {
      const key = `${one.network} ${podCIDR}`;
      const pool = byPool.get(key);
      const where = `${describeHeld(one)} holds ${address}`;
      if (!isWithin(blocksOf([podCIDR]), address)) {
        const what = `${where}, which is outside its podCIDR ${podCIDR}`;
        out.push(finding("AddressOutsidePool", address, { what, mend: recreate(one) }));
      } else if (!pool) {
        const what = `${where} of podCIDR ${podCIDR}, for which this node has no IPPool`;
        const missing = { what, mend: restartOperator };
        // One that is there and cannot be read is a finding of its own.
        if (!at.unreadable.has(poolNameOf(one.network, podCIDR)))
          out.push(finding("PoolMissing", `${one.network} ${podCIDR}`, missing));
      } else if (isWithin(blocksOf(pool.spec.excludes), address)) {
        const what = `${where}, which pool ${pool.metadata.name} excludes`;
        out.push(finding("AddressExcluded", address, { what, mend: recreate(one) }));
      }
      const taken = rows.get(key) ?? new Map<string, Held>();
      rows.set(key, taken);
      const other = taken.get(address);
      if (other && heldKey(other) !== heldKey(one)) out.push(twice(address, other, one));
      taken.set(address, one);
    }
  }
  out.push(...acrossNetworks(held));
  for (const [key, pool] of byPool) out.push(...mirrorOf(pool, rows.get(key) ?? new Map(), at.now));
  return out;
}

function acrossNetworks(held: readonly Held[]): Finding[] {
  const seen = new Map<string, Held>();
  const out: Finding[] = [];
  for (const one of held) {
    for (const address of addressesOf(one)) {
      const other = seen.get(address);
      if (other && other.network !== one.network) out.push(twice(address, other, one));
      else if (!other) seen.set(address, one);
    }
  }
  return out;
}

function twice(address: string, first: Held, second: Held): Finding {
  const what = `${address} is held by ${describeHeld(first)} and by ${describeHeld(second)}`;
  return finding("AddressTwice", address, { what, mend: recreate(second) });
}

function mirrorOf(pool: IPPool, recorded: ReadonlyMap<string, Held>, now: number): Finding[] {
  const out: Finding[] = [];
  const { name } = pool.metadata;
  const listed = new Map(pool.spec.allocations.map((row) => [row.address, row]));
  for (const [address, one] of recorded) {
    const row = listed.get(address);
    if (row && row.pod === one.pod.name && row.namespace === one.pod.namespace) continue;
    if (now - one.attachedAt < mirrorMs) continue;
    const is = row ? `lists it as ${row.namespace}/${row.pod}'s` : "does not list it";
    const what = `${describeHeld(one)} holds ${address}, and IPPool ${name} ${is}`;
    out.push(
      finding("PoolRowMissing", `${name} ${address} ${heldKey(one)}`, { what, mend: collect }),
    );
  }
  for (const [address, row] of listed) {
    if (recorded.has(address)) continue;
    const what = `IPPool ${name} lists ${address} as ${row.namespace}/${row.pod}'s, and this node has no such attachment on record`;
    const subject = `${name} ${address} ${row.namespace}/${row.pod}`;
    out.push(finding("PoolRowStale", subject, { what, mend: collect }));
  }
  return out;
}

function addressesOf(one: Held): string[] {
  return one.interfaces.flatMap((nic) => nic.addresses.map(({ address }) => address));
}

const namespace = "multi-nic-cni-operator";
/** Starts a node's nicd anew; the DaemonSet makes the pod again. */
export const startNicd = `kubectl -n ${namespace} delete pod -l app=multi-nicd --field-selector spec.nodeName=$(hostname)`;
/** Starts the operator anew. */
export const restartOperator = `kubectl -n ${namespace} rollout restart deployment`;
