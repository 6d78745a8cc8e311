import { codeOf } from "../errors.ts";
import { O_CREAT, O_NOFOLLOW, O_RDWR, open } from "../linux/libc.ts";
import { mkdir } from "../linux/rarelibc.ts";

/** Opens a file of ours below /run, made when it is not there, its folders too; returns the descriptor. */
export function openRunFile(folder: string, name: string): number {
  const path = `${folder}/${name}`;
  try {
    return open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    for (let at = folder.indexOf("/", 1); at > 0; at = folder.indexOf("/", at + 1))
      mkdir(folder.slice(0, at), 0o700);
    mkdir(folder, 0o700);
    return open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  }
}
