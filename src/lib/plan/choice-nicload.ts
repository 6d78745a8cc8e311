import type { InterfaceStatus } from "../api/kinds.ts";

/** What is known of a NIC's state; the kernel's word, as HostInterface status shows it. */
export type NicState = Pick<
  InterfaceStatus,
  "speedMbps" | "carrier" | "numaNode" | "rates" | "reason"
>;

/** Capacity of a NIC whose driver names no speed (virtio, most virtual links), Mbit/s. */
export const assumedMbps = 10_000;

/** A NIC's bandwidth, in kbit/s. */
export interface NicLoad {
  readonly capacity: number;
  /** The speed is not known: `capacity` is `assumedMbps`. */
  readonly assumed: boolean;
  /** What was measured over the last minute, the busier direction. */
  readonly measured: number;
  /** What pods of this node were promised on it. */
  readonly promised: number;
  readonly free: number;
}

/**
 * Works out how much of a NIC is free: its speed less the larger of what is measured and what is promised, because what
 * pods send of their promises is measured too. A NIC without carrier has nothing.
 */
export function loadOf(state: NicState | undefined, promised: number): NicLoad {
  const speed = state?.speedMbps;
  const assumed = speed === undefined || speed <= 0;
  const capacity = state?.carrier === false ? 0 : (assumed ? assumedMbps : speed) * 1000;
  const { txBps = 0, rxBps = 0 } = state?.rates ?? {};
  const measured = Math.ceil(Math.max(txBps, rxBps, 0) / 1000);
  const free = Math.max(0, capacity - Math.max(measured, promised));
  return { capacity, assumed, measured, promised, free };
}

/**
 * Divides a target over NICs in proportion to what is free on each, in whole kbit/s that add up to it. Where they have not
 * enough together, each gives what it has.
 */
export function sharesOf(target: number, free: readonly number[]): number[] {
  const sum = free.reduce((total, each) => total + each, 0);
  if (sum <= target) return [...free];
  const shares = free.map((each) => Math.floor(target * (each / sum)));
  let rest = target - shares.reduce((total, each) => total + each, 0);
  for (let i = 0; rest > 0 && i < shares.length; i++) {
    const more = Math.min(rest, (free[i] ?? 0) - (shares[i] ?? 0));
    shares[i] = (shares[i] ?? 0) + more;
    rest -= more;
  }
  return shares;
}
