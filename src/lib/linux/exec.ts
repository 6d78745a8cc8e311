import { accessSync, constants, statSync } from "node:fs";
import { codeOf, Failure } from "../errors.ts";
import type { Environment } from "../settings.ts";

/** What a program that we ran left behind: its exit code (128 + signal when killed) and its stdout. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
}

/** Finds an executable file by name in a list of folders; the Failure names all of them. */
export function findProgram(name: string, folders: readonly string[]): string {
  for (const folder of folders) {
    const path = `${folder}/${name}`;
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch (error) {
      const code = codeOf(error);
      if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "EACCES")
        throw new Failure(`Cannot look for ${name} in ${folder}`, { cause: error });
    }
  }
  throw new Failure(
    `Cannot find the plugin ${name} in ${folders.join(":") || "an empty CNI_PATH"}`,
  );
}

/** Runs a program with `stdin`, waits for it, and returns what it printed; its stderr is ours. */
export async function runProgram(
  path: string,
  options: {
    readonly env: Environment;
    readonly stdin: string;
    /** What it is called by, when not its path. */
    readonly argv0?: string;
  },
): Promise<Ran> {
  let child: Bun.Subprocess<Uint8Array<ArrayBuffer>, "pipe", "inherit">;
  try {
    child = Bun.spawn([path], {
      env: { ...options.env },
      ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
      stdin: new TextEncoder().encode(options.stdin),
      stdout: "pipe",
      stderr: "inherit",
    });
  } catch (cause) {
    throw new Failure(`Cannot run ${path}`, { cause });
  }
  const [stdout, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  return { exitCode, stdout };
}
