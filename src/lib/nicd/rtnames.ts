import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf, Failure } from "../errors.ts";
import type { NamedTable } from "../plan/route-tablechoice.ts";

/** iproute2 reads every `*.conf` of `rt_tables.d/` beside `rt_tables` (ip-route(8)). */
const folder = "rt_tables.d";
const ownFile = "multinic.conf";
/** Names that `ip` would take for something else than our table. */
const unusable = /^([0-9]+|0x[0-9a-f]+|unspec|default|main|local|all|cache)$/i;

/**
 * Makes our tables' names visible to `ip rule`: one file of our own in the host's iproute2 folder, nothing else is touched,
 * no names = no file. Returns whether anything changed; "" = the folder was not given to us.
 */
export function writeTableNames(iproute2Dir: string, names: readonly NamedTable[]): boolean {
  if (iproute2Dir === "") return false;
  const path = join(iproute2Dir, folder, ownFile);
  const lines = names
    .filter(({ name }) => !unusable.test(name))
    .map(({ id, name }) => `${id}\t${name}\n`);
  const text = lines.length === 0 ? undefined : `# written by multinic\n${lines.join("")}`;
  if (readIfThere(path) === text) return false;
  try {
    if (text === undefined) rmSync(path, { force: true });
    else {
      mkdirSync(join(iproute2Dir, folder), { recursive: true });
      // A name without .conf, so that no ip reads half a file.
      const draft = `${path}.new`;
      // What lies there may be a link to somewhere else: a new file is made, none is followed.
      rmSync(draft, { force: true });
      writeFileSync(draft, text, { mode: 0o644, flag: "wx" });
      renameSync(draft, path);
    }
  } catch (error) {
    throw new Failure(`Cannot write the table names to ${path}`, {
      code: codeOf(error),
      cause: error,
    });
  }
  return true;
}

/** Reads the names that others gave to routing tables (`<id> <name>` lines), our own file left out. */
export function readTableNames(iproute2Dir: string): NamedTable[] {
  if (iproute2Dir === "") return [];
  const more = listIfThere(join(iproute2Dir, folder)).filter(
    (name) => name.endsWith(".conf") && name !== ownFile,
  );
  return ["rt_tables", ...more.map((name) => join(folder, name))].flatMap((file) =>
    parse(readIfThere(join(iproute2Dir, file)) ?? ""),
  );
}

function parse(text: string): NamedTable[] {
  return text.split("\n").flatMap((line) => {
    const found = /^\s*(0x[0-9a-fA-F]+|[0-9]+)\s+([^\s#]+)/.exec(line);
    return found ? { id: Number(found[1]), name: found[2] ?? "" } : [];
  });
}

function readIfThere(path: string): string | undefined {
  return ifThere(path, () => readFileSync(path, "utf8"));
}

function listIfThere(path: string): string[] {
  return ifThere(path, () => readdirSync(path).sort()) ?? [];
}

function ifThere<T>(path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new Failure(`Cannot read ${path}`, { code, cause: error });
  }
}
