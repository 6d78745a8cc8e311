import { closeSync, constants, lstatSync, openSync, readdirSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { codeOf, Failure } from "../errors.ts";

const elf64 = { ehdr: 64, phoff: 32, phentsize: 54, phnum: 56 } as const;
/** p_type PT_INTERP; p_offset at 8 and p_filesz at 32 of an Elf64_Phdr (elf.h). */
const ptInterp = 3;

/** Returns the loader that a 64-bit little-endian ELF program names in PT_INTERP; undefined when it is static or no ELF. */
export function interpreterOf(path: string): string | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const head = read(fd, 0, elf64.ehdr);
    if (head.length < elf64.ehdr || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
    if (head[4] !== 2 || head[5] !== 1) return undefined;
    const size = head.readUInt16LE(elf64.phentsize);
    const table = read(
      fd,
      Number(head.readBigUInt64LE(elf64.phoff)),
      size * head.readUInt16LE(elf64.phnum),
    );
    for (let at = 0; size >= 40 && at + size <= table.length; at += size) {
      if (table.readUInt32LE(at) !== ptInterp) continue;
      const length = Math.min(4096, Number(table.readBigUInt64LE(at + 32)));
      const text = read(fd, Number(table.readBigUInt64LE(at + 8)), length).toString("latin1");
      return text.replace(/\0.*$/s, "");
    }
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/**
 * Tells whether the host has a loader (`/lib64/ld-linux-x86-64.so.2`), looking at its /usr alone: a merged host keeps
 * the loader there, and on any other the host's own programs name the one they run with.
 */
export function hostHasLoader(usr: string, loader: string): boolean {
  const name = basename(loader);
  if (["lib64", "lib"].some((folder) => exists(join(usr, folder, name)))) return true;
  for (const folder of ["bin", "sbin"]) {
    for (const program of names(join(usr, folder))) {
      if (interpreterIn(join(usr, folder, program)) === loader) return true;
    }
  }
  return false;
}

function interpreterIn(path: string): string | undefined {
  try {
    return lstatSync(path).isFile() ? interpreterOf(path) : undefined;
  } catch (error) {
    // One program that we may not read says nothing; another will.
    if (["ENOENT", "EACCES", "EPERM"].includes(codeOf(error) ?? "")) return undefined;
    throw new Failure(`Cannot read ${path} to find the host's loader`, { cause: error });
  }
}

/** A link counts too: where it leads is the host's business, and not to be seen from here. */
function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return false;
    throw new Failure(`Cannot look for the host's loader at ${path}`, { cause: error });
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw new Failure(`Cannot list ${folder} to find the host's loader`, { cause: error });
  }
}

function read(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, position));
}
