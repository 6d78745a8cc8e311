import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

const files = ["state.db", "state.db-wal", "state.db-shm"] as const;
const calls = ["pwrite", "fsync", "fdatasync", "ftruncate"] as const;
export type Place = `${(typeof files)[number]} ${(typeof calls)[number]}`;
/** Every call on every file of the record. */
export const places: readonly Place[] = files.flatMap((file) =>
  calls.map((call): Place => `${file} ${call}`),
);

/** What fails: the `at`-th of the matching calls from now on, and those after it until `times` have failed. */
export interface DiskFault {
  /** 1 = the very next; 0 = none, they are only counted. */
  readonly at: number;
  readonly error: "EIO" | "ENOSPC";
  /** 1 when left out. */
  readonly times?: number;
  /** Which calls count; all when left out. */
  readonly of?: readonly Place[];
}

/** A library that makes a program's writes to the node's record fail, and the switch to it. */
export interface FailingDisk extends Disposable {
  /** Variables of a program that is to have it. */
  readonly env: Readonly<Record<string, string>>;
  /** Counts and fails from here on. */
  fail(fault: DiskFault): void;
  /** Ends it. Returns how many calls matched since `fail`. */
  calm(): number;
  /** How often each call was made since `fail` or `calm`; those that were not made are left out. */
  seen(): Partial<Record<Place, number>>;
}

/** Compiles the library into a folder of its own. */
export function failingDisk(): FailingDisk {
  const folder = mkdtempSync(join(tmpdir(), "multinic-disk-"));
  const library = join(folder, "failing-disk.so");
  const source = join(import.meta.dir, "failing-disk.c");
  const { exitCode, stderr } = Bun.spawnSync(
    ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"],
    { stdout: "ignore" },
  );
  if (exitCode !== 0) throw new Error(`gcc: ${stderr.toString()}`);
  const control = join(folder, "control");
  const fd = openSync(control, "w+");
  // As struct control of the library.
  const words = () => {
    const read = new Int32Array(5 + places.length);
    readSync(fd, read, 0, read.byteLength, 0);
    return read;
  };
  const set = ({ at, error, times = 1, of = places }: DiskFault) => {
    const next = new Int32Array(5 + places.length);
    const mask = places.reduce((bits, place, i) => bits | (of.includes(place) ? 1 << i : 0), 0);
    next.set([0, at, times, constants.errno[error], mask]);
    writeSync(fd, next, 0, next.byteLength, 0);
  };
  set({ at: 0, error: "EIO" });
  return {
    env: { LD_PRELOAD: library, FAILING_DISK: control },
    fail: set,
    calm() {
      const [count = 0] = words();
      set({ at: 0, error: "EIO" });
      return count;
    },
    seen() {
      const counts = words().subarray(5);
      const made = places.map((place, i) => [place, counts[i] ?? 0] as const);
      return Object.fromEntries(made.filter(([, count]) => count > 0));
    },
    [Symbol.dispose]() {
      closeSync(fd);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
