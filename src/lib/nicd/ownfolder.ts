import { chmodSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { Failure } from "../errors.ts";

/**
 * Makes a folder of ours (or takes the one that is there) and keeps everybody else out of it: 0700. Throws when it is a link
 * or belongs to another user, or when it was open to others and holds what one of them may have planted to be followed or
 * shared: a link, or a file of another user or with a second name. A folder that is 0700 already nobody else could reach.
 */
export function takeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  const own = process.getuid?.();
  if (!found.isDirectory() || found.uid !== own) {
    throw new Failure(
      `Cannot use ${folder}: it is ${found.isDirectory() ? `owned by user ${found.uid}` : "no folder"}; remove it and start again`,
    );
  }
  if ((found.mode & 0o7777) !== 0o700) chmodSync(folder, 0o700);
  refusePlanted(folder, own);
}

function refusePlanted(folder: string, own: number | undefined): void {
  for (const name of readdirSync(folder)) {
    const path = `${folder}/${name}`;
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found) continue;
    const why =
      (found.isSymbolicLink() && "a symbolic link") ||
      (found.uid !== own && `owned by user ${found.uid}`) ||
      (found.isFile() && found.nlink > 1 && "a file with a second name");
    if (!why) continue;
    throw new Failure(
      `Cannot use ${folder}: ${name} in it is ${why}, which we never make; look who put it there, remove it and start again`,
    );
  }
}
