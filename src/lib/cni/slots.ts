import { mkdirSync } from "node:fs";
import { close, flock, LOCK_EX, LOCK_NB, open } from "../linux/libc.ts";

/** Processes that do kernel work at once on a node: Multus' thick daemon has 50 MiB and 100m CPU for all of them. */
export const slots = 8;
const O_RDWR = 2;
const O_CREAT = 0o100;

/**
 * Takes one of the node's places for kernel work, waiting when all are taken, and returns what gives it back. The lock
 * goes with the process (flock(2)), so a killed one leaves none behind.
 */
export function takeSlot(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let slot = 0; slot < slots; slot++) {
    const fd = openSlot(folder, slot);
    if (flock(fd, LOCK_EX | LOCK_NB)) return () => close(fd);
    close(fd);
  }
  const fd = openSlot(folder, process.pid % slots);
  flock(fd, LOCK_EX);
  return () => close(fd);
}

function openSlot(folder: string, slot: number): number {
  return open(`${folder}/slot-${slot}`, O_RDWR | O_CREAT, 0o600);
}
