import { join } from "node:path";
import { finish } from "../support/lab.ts";

/** Downloads OpenShift's API (openshift/go.mod) and returns the path of one of the CRDs that its clusters are made with. */
export async function openshiftCrd(plural: string): Promise<string> {
  const folder = join(import.meta.dir, "openshift");
  const name = "github.com/openshift/api";
  const { code, out, err } = await finish(["go", "-C", folder, "mod", "download", "-json", name]);
  if (code !== 0) throw new Error(`go mod download ${name}: ${err}${out}`);
  const crds = join(JSON.parse(out).Dir, "payload-manifests/crds");
  const [file] = [...new Bun.Glob(`*_${plural}.crd.yaml`).scanSync(crds)];
  if (file === undefined) throw new Error(`${crds} has no CRD of ${plural}`);
  return join(crds, file);
}
