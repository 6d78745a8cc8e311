import { labCrds } from "../../src/lib/lab/api-kinds.ts";
import type { ApiObject } from "../../src/lib/lab/api-object.ts";

/** The lab's CRDs, which store anything: what another release's schema, or none, let into a cluster. */
export function openCrds(): ApiObject[] {
  return labCrds().map(openCrd);
}

function openCrd(crd: ApiObject): ApiObject {
  const spec = crd["spec"];
  const versions: unknown = typeof spec === "object" && spec ? Reflect.get(spec, "versions") : [];
  const schema = {
    openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  };
  const open = (Array.isArray(versions) ? versions : []).map((version: object) => ({
    ...version,
    schema,
  }));
  return { ...crd, spec: { ...(typeof spec === "object" ? spec : {}), versions: open } };
}
