import type { Kube } from "../kube/kube.ts";

/** The container's name in manifests/operator.yaml. */
const container = "operator";

/**
 * Reads the image of the operator's own pod, as its Deployment says it: however that was changed, nicd gets the same.
 * Undefined where there is no such pod: the operator runs elsewhere.
 */
export async function ownImage(
  kube: Kube,
  pod: { readonly namespace: string; readonly name: string },
): Promise<string | undefined> {
  const seen = await kube.get("Pod", pod.name, { namespace: pod.namespace });
  return seen?.spec?.containers?.find(({ name }) => name === container)?.image;
}
