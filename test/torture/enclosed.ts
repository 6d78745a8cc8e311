import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enclosed } from "../../src/lib/lab/enclosure.ts";

/**
 * Runs a program of this folder as first process of namespaces of its own, hands it `options` as JSON and a folder, and
 * returns the JSON that it reports. Its stderr is ours. Everything that it made goes when it ends.
 */
export async function runEnclosed<Report>(program: string, options: object): Promise<Report> {
  const dir = mkdtempSync(join(tmpdir(), "multinic-torture-"));
  try {
    const command = [
      process.execPath,
      join(import.meta.dir, program),
      dir,
      JSON.stringify(options),
    ];
    // It goes with us, however we end, and takes along everything in its namespaces.
    const child = Bun.spawn(["setpriv", "--pdeathsig", "KILL", ...enclosed(command)], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const [out, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    if (code !== 0) throw new Error(`${program} ended with ${code}: see above`);
    return JSON.parse(out) as Report;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
