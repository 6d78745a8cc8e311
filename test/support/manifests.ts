/** Writes manifests/crd/ from the kinds: what `make manifests` runs. */
import { join } from "node:path";
import { stringify } from "yaml";
import { allKinds } from "../../src/lib/api/allkinds.ts";
import { crd } from "../../src/lib/api/crd.ts";

/** Returns every generated file by its path below manifests/. */
export function generatedManifests(): Map<string, string> {
  const files = new Map<string, string>();
  for (const kind of allKinds) {
    files.set(`crd/${kind.plural}.yaml`, `${notice}${stringify(crd(kind), { lineWidth: 110 })}`);
  }
  const resources = allKinds.map((kind) => `${kind.plural}.yaml`);
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources,
  };
  files.set("crd/kustomization.yaml", `${notice}${stringify(kustomization)}`);
  return files;
}

const notice = "# Generated from src/lib/api by `make manifests`; edit the schema there.\n";

if (import.meta.main) {
  const folder = join(import.meta.dir, "../../manifests");
  for (const [path, text] of generatedManifests()) await Bun.write(join(folder, path), text);
}
