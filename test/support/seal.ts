import { closeSync, fchmodSync, openSync, renameSync, writeSync } from "node:fs";
import { chunkSize } from "../../src/lib/nicd/place.ts";

/**
 * Variables by which whoever sets the environment makes the runtime inside our programs do something else: load a script
 * (BUN_OPTIONS, BUN_INSPECT_PRELOAD), be the whole of Bun (BUN_BE_BUN), wait for or run a debugger (BUN_INSPECT*), write
 * files (BUN_BYTECODE_*), print requests with their tokens (BUN_CONFIG_VERBOSE_FETCH). A name stands for all that begin so.
 */
export const sealedNames = [
  "BUN_OPTIONS",
  "BUN_BE_BUN",
  "BUN_INSPECT",
  "BUN_BYTECODE_",
  "BUN_CONFIG_VERBOSE_FETCH",
] as const;

/**
 * Makes a compiled program deaf to these variables: the first byte of each name in it becomes NUL, which no variable's
 * name can hold (execve(2)). Returns how many places were changed; throws when a name is not in it at all, because a runtime
 * that spells it in another way would obey it still.
 */
export function seal(program: Uint8Array): number {
  const bytes = Buffer.from(program.buffer, program.byteOffset, program.byteLength);
  let places = 0;
  for (const name of sealedNames) {
    const before = places;
    for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + name.length)) {
      // The runtime's own scripts are source text: a NUL would break them, and what they say is read only when unsealed.
      if (bytes.subarray(Math.max(0, at - 4), at).toString("latin1") === "env.") continue;
      bytes[at] = 0;
      places++;
    }
    if (places === before) throw new Error(`Cannot seal the program: ${name} is not in it`);
  }
  return places;
}

if (import.meta.main) {
  for (const path of process.argv.slice(2)) {
    const program = new Uint8Array(await Bun.file(path).arrayBuffer());
    seal(program);
    // A new file: the old one may be running, or be linked elsewhere.
    const sealed = openSync(`${path}.sealed`, "w", 0o755);
    for (let at = 0; at < program.length; ) {
      at += writeSync(sealed, program, at, Math.min(chunkSize, program.length - at));
    }
    // Whatever the umask is.
    fchmodSync(sealed, 0o755);
    closeSync(sealed);
    renameSync(`${path}.sealed`, path);
  }
}
