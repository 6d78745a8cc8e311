import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { environment } from "../../src/lib/settings.ts";

/** Commands of one go.mod below test/cluster. */
export interface GoModule {
  /** Folder below test/cluster, which names the cache folder too. */
  readonly name: string;
  /** Package of a command: `k8s.io/kubernetes/cmd/kubelet`. */
  package(tool: string): string;
  /** Flags for the linker. */
  readonly ldflags?: string;
}

/** Returns the folder that holds the commands, building those that are not in the cache: minutes the first time. */
export async function goTools(module: GoModule, tools: readonly string[]): Promise<string> {
  const source = join(import.meta.dir, module.name);
  const sum = createHash("sha256")
    .update(readFileSync(join(source, "go.sum")))
    .digest("hex");
  const env = environment();
  const cache = join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "multinic-cluster");
  const folder = join(cache, `${module.name}-${sum.slice(0, 16)}`);
  const missing = tools.filter((tool) => !existsSync(join(folder, tool)));
  if (missing.length === 0) return folder;
  mkdirSync(folder, { recursive: true });
  const scratch = mkdtempSync(join(cache, "build-"));
  try {
    await build(module, { tools: missing, source, out: scratch });
    // A rename into place: a build that was interrupted never looks finished.
    for (const tool of missing) renameSync(join(scratch, tool), join(folder, tool));
  } finally {
    rmSync(scratch, { recursive: true });
  }
  return folder;
}

async function build(
  module: GoModule,
  of: { readonly tools: readonly string[]; readonly source: string; readonly out: string },
): Promise<void> {
  const ldflags = `-s -w ${module.ldflags ?? ""}`.trim();
  const packages = of.tools.map((tool) => module.package(tool));
  const go = Bun.spawn(["go", "build", "-o", `${of.out}/`, "-ldflags", ldflags, ...packages], {
    cwd: of.source,
    // Static: the commands also run in images that hold nothing else.
    env: { ...environment(), CGO_ENABLED: "0" },
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await go.exited) !== 0) throw new Error(`go build of ${of.tools.join(", ")} failed`);
}
