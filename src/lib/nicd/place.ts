import { constants } from "node:fs";
import { type FileHandle, lutimes, open, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../errors.ts";

/**
 * How much of a program is written at a time. The page cache keeps what one write brought in one piece where the file system
 * can (ext4 since Linux 6.16, xfs since 5.18), and a process that touches a page of such a piece is given all of it: written
 * in pieces of 1 MiB, an ADD showed 41 MiB resident instead of 33. Smaller ones than 32 KiB cost page faults and save nothing.
 */
export const chunkSize = 32 * 1024;

/** Makes something under a name of its own and renames it into place: whoever looks sees the old or the new one. */
export async function place(path: string, make: (scratch: string) => Promise<void>): Promise<void> {
  const scratch = join(path, "..", `.multinic-${crypto.randomUUID()}.tmp`);
  try {
    await make(scratch);
    await rename(scratch, path);
  } catch (error) {
    await removeEntry(scratch);
    throw error;
  }
}

/** Copies a program into a file that must not be there yet, for everybody to run, and waits for the disk. */
export async function copyProgram(program: string, to: string): Promise<void> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const source = await open(program, constants.O_RDONLY);
  try {
    const target = await open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o700);
    try {
      for await (const chunk of chunksOf(source)) await writeAll(target, chunk);
      // Whatever the umask is.
      await target.chmod(0o755);
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function writeAll(target: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await target.write(chunk, done)).bytesWritten;
  }
}

/** Reads a file from its start; each chunk is valid until the next is asked for. */
export async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(chunkSize);
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, chunkSize, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Tells whether a process runs the file: the kernel then refuses to open it for writing. Proof without seeing the host's processes. */
export async function isRunning(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    await file.close();
    return false;
  } catch (error) {
    // A link is nobody's program.
    return !["ENOENT", "ELOOP"].includes(codeOf(error) ?? "");
  }
}

/** Sets a file's time stamps; a missing file is success, and a link's own are set. */
export async function stamp(path: string, ms: number): Promise<void> {
  try {
    await lutimes(path, new Date(ms), new Date(ms));
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** Removes a file or link; a missing one is success. */
export async function removeEntry(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** Waits until a folder's changes are on the disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
