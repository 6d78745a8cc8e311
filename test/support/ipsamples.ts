import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Reads kernel state as `ip` prints it (test/golden/routes): the lines after `$ <command>` or after a comment that begins
 * with the given words, up to the next command or comment.
 */
export function sampleBlock(file: string): (command: string) => string[] {
  const text = readFileSync(join(import.meta.dir, "../golden/routes", file), "utf8");
  const lines = text.split("\n");
  return (command) => {
    const at = lines.findIndex(
      (line) => line === `$ ${command}` || line.startsWith(`# ${command}`),
    );
    if (at < 0) throw new Error(`${file} has no ${command}`);
    const rest = lines.slice(at + 1);
    const end = rest.findIndex((line) => /^[$#]/.test(line));
    return (end < 0 ? rest : rest.slice(0, end)).filter((line) => line !== "");
  };
}
