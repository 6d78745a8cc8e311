import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { environment } from "../../src/lib/settings.ts";

export type Tool = "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kubelet";

const source = join(import.meta.dir, "kubernetes");

/** Returns the folder that holds the commands, building those that are not in the cache: minutes the first time. */
export async function kubernetesTools(tools: readonly Tool[]): Promise<string> {
  const sum = createHash("sha256")
    .update(readFileSync(join(source, "go.sum")))
    .digest("hex");
  const env = environment();
  const cache = join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "multinic-cluster");
  const folder = join(cache, `kubernetes-${sum.slice(0, 16)}`);
  const missing = tools.filter((tool) => !existsSync(join(folder, tool)));
  if (missing.length === 0) return folder;
  mkdirSync(folder, { recursive: true });
  const scratch = mkdtempSync(join(cache, "build-"));
  try {
    await build(missing, scratch);
    // A rename into place: a build that was interrupted never looks finished.
    for (const tool of missing) renameSync(join(scratch, tool), join(folder, tool));
  } finally {
    rmSync(scratch, { recursive: true });
  }
  return folder;
}

/** Returns the Kubernetes release that go.mod requires: `v1.34.4`. */
export function kubernetesVersion(): string {
  const text = readFileSync(join(source, "go.mod"), "utf8");
  const found = /^\s*(?:require )?k8s\.io\/kubernetes (v\S+)/m.exec(text)?.[1];
  if (found === undefined) throw new Error("go.mod does not require k8s.io/kubernetes");
  return found;
}

async function build(tools: readonly Tool[], out: string): Promise<void> {
  const version = kubernetesVersion();
  const [major = "1", minor = "0"] = version.slice(1).split(".");
  const flags = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((at) => [
    `-X ${at}.gitVersion=${version}`,
    `-X ${at}.gitMajor=${major}`,
    `-X ${at}.gitMinor=${minor}`,
  ]);
  const command = ["go", "build", "-o", `${out}/`, "-ldflags", `-s -w ${flags.join(" ")}`];
  const go = Bun.spawn([...command, ...tools.map((tool) => `k8s.io/kubernetes/cmd/${tool}`)], {
    cwd: source,
    env: { ...environment(), CGO_ENABLED: "0" },
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await go.exited) !== 0) throw new Error(`go build of ${tools.join(", ")} failed`);
}
