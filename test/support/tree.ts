import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** Lists everything below a folder with kind, mode, owner and what links say; contents and times are left out. */
export function treeOf(folder: string, below = ""): string[] {
  return readdirSync(join(folder, below))
    .sort()
    .flatMap((name) => {
      const path = join(below, name);
      const found = lstatSync(join(folder, path));
      const kind = found.isSymbolicLink() ? `-> ${readlinkSync(join(folder, path))}` : "";
      const line = `${path} ${found.mode.toString(8)} ${found.uid} ${kind}`.trim();
      return [line, ...(found.isDirectory() ? treeOf(folder, path) : [])];
    });
}
