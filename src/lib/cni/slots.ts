import { codeOf, Failure } from "../errors.ts";
import { type MemoryLimit, memoryLimit } from "../linux/cgroup.ts";
import { close, flock, identify, LOCK_EX, LOCK_NB, O_NOFOLLOW, open } from "../linux/libc.ts";
import { ownership } from "../linux/ownership.ts";
import { exec } from "../linux/rarelibc.ts";
import { openRunFile } from "./runfile.ts";

/** Processes that work at once on a node, at most. */
const slots = 8;
/** What a process that works takes, and what those that wait and who starts them take: Multus' thick daemon has 50 MiB for all. */
const [eachMi, othersMi] = [16, 32];
/** util-linux's flock(1); with `--no-fork` it takes a lock, leaves it open and becomes the program that it is told. */
const waiter = "/usr/bin/flock";
/** What the waiter opened first, after the standard streams. */
const inherited = 3;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** A place on the node: a process has one, or waits for it. */
export interface Slot {
  /** Waits until the process has its place; at once when it has it already. */
  take(): void;
  giveBack(): void;
  /** Tells whether another program waited for the place under our process number. */
  waited(): boolean;
}

/**
 * Makes a place that is not taken yet. The lock goes with the process (flock(2)), so a killed one leaves none behind.
 * `program` = full path of this program when nothing has been read or done yet: while it waits for its first place it
 * may then be replaced by a small program, which starts it again. A runtime that waits costs 2.5 MiB, flock(1) 0.3.
 */
export function slotIn(folder: string, program = ""): Slot {
  let held: number | undefined;
  let first = true;
  let waited = false;
  return {
    take() {
      if (held !== undefined) return;
      if (first && program !== "" && isSlot(inherited, folder)) {
        held = inherited;
        waited = true;
      }
      held ??= takeOne(folder, first ? program : "");
      first = false;
    },
    giveBack() {
      if (held !== undefined) close(held);
      held = undefined;
    },
    waited: () => waited,
  };
}

/** Takes the place, where FFI allows it. */
export function enter(slot: Slot): void {
  try {
    slot.take();
  } catch (error) {
    // Without FFI other plugins make the links, and this process only waits for them.
    if (codeOf(error) !== "NoFFI") throw error;
  }
}

function takeOne(folder: string, program: string): number {
  refuseForeign(folder.slice(0, folder.lastIndexOf("/")));
  refuseForeign(folder);
  // Most find the first place free; only then does it matter how many there are.
  let here = 1;
  for (let slot = 0; slot < here; slot++) {
    const fd = openSlot(folder, slot);
    if (flock(fd, LOCK_EX | LOCK_NB)) return fd;
    close(fd);
    if (slot === 0) here = slotsFor(memoryLimit(), navigator.hardwareConcurrency);
  }
  const slot = process.pid % here;
  if (program.startsWith("/") && hasWaiter())
    exec([waiter, "--no-fork", slotPath(folder, slot), program]);
  const fd = openSlot(folder, slot);
  flock(fd, LOCK_EX);
  return fd;
}

/** Says how many may work at once where so much memory and so many processors are: one where the limit cannot be seen. */
export function slotsFor(limit: MemoryLimit, processors: number): number {
  if (limit === "unknown") return 1;
  const most = Math.max(2, Math.min(slots, processors));
  if (limit === "none") return most;
  const fit = Math.floor((limit / 2 ** 20 - othersMi) / eachMi);
  return Math.max(1, Math.min(most, fit));
}

/** In a folder that is a link or somebody else's, the lock, and nicd's socket, would be theirs too. */
function refuseForeign(folder: string): void {
  try {
    const { uid, mode } = ownership(folder);
    if ((mode & S_IFMT) === S_IFDIR && uid === process.getuid?.() && (mode & 0o022) === 0) return;
  } catch (error) {
    // Not there yet: it is made below, or by nicd, for us alone.
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  throw new Failure(
    `Cannot use ${folder}: it is no folder that only this user can change; remove it and restart nicd`,
  );
}

/** A symbolic link leads to a busybox, whose flock knows no `--no-fork`. */
function hasWaiter(): boolean {
  try {
    close(open(waiter, O_NOFOLLOW));
    return true;
  } catch (error) {
    if (["ENOENT", "ELOOP", "EACCES"].includes(codeOf(error) ?? "")) return false;
    throw error;
  }
}

function isSlot(fd: number, folder: string): boolean {
  try {
    const { dev, ino } = identify(`/proc/self/fd/${fd}`);
    for (let slot = 0; slot < slots; slot++) {
      const file = identify(slotPath(folder, slot));
      if (file.dev === dev && file.ino === ino) return true;
    }
    return false;
  } catch (error) {
    // No such descriptor, or nobody has taken a place since the node started.
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

function slotPath(folder: string, slot: number): string {
  return `${folder}/${slotName(slot)}`;
}

function slotName(slot: number): string {
  return `slot-${slot}`;
}

function openSlot(folder: string, slot: number): number {
  return openRunFile(folder, slotName(slot));
}
