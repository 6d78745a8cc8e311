import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Writes a file of a made sysfs or procfs tree as the kernel shows it: one line, in folders that are there then. */
export function putFile(root: string, path: string, text: string | number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${text}\n`);
}

/** Links one place of a made tree to another, relatively, as sysfs does. */
export function putLink(root: string, path: string, target: string): void {
  const from = dirname(join(root, path));
  mkdirSync(from, { recursive: true });
  // From inside a folder that is a link itself (`class/net/<if>/master`) the way begins at the real one.
  symlinkSync(relative(realpathSync(from), join(realpathSync(root), target)), join(root, path));
}
