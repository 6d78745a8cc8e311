import { readFileSync } from "node:fs";
import { join } from "node:path";
import { goTools } from "./go-tools.ts";

export type Tool = "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kubelet";

/** Returns the folder that holds the Kubernetes commands, building those that are not in the cache. */
export function kubernetesTools(tools: readonly Tool[]): Promise<string> {
  return goTools(
    {
      name: "kubernetes",
      package: (tool) => `k8s.io/kubernetes/cmd/${tool}`,
      ldflags: versionFlags(),
    },
    tools,
  );
}

/** Returns the Kubernetes release that go.mod requires: `v1.34.4`. */
export function kubernetesVersion(): string {
  const text = readFileSync(join(import.meta.dir, "kubernetes/go.mod"), "utf8");
  const found = /^\s*(?:require )?k8s\.io\/kubernetes (v\S+)/m.exec(text)?.[1];
  if (found === undefined) throw new Error("go.mod does not require k8s.io/kubernetes");
  return found;
}

function versionFlags(): string {
  const version = kubernetesVersion();
  const [major = "1", minor = "0"] = version.slice(1).split(".");
  return ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
    .flatMap((at) => [
      `-X ${at}.gitVersion=${version}`,
      `-X ${at}.gitMajor=${major}`,
      `-X ${at}.gitMinor=${minor}`,
    ])
    .join(" ");
}
