import type { KindName, Kinds, Kube } from "./kube.ts";

/**
 * Returns what the server itself has under a name, undefined = nothing: for when a copy may lag. As a list, whose right every
 * follower has; a `get` of its own would be one right more.
 */
export async function readNow<K extends KindName>(
  kube: Pick<Kube, "list">,
  kind: K,
  name: string,
): Promise<Kinds[K] | undefined> {
  const { items } = await kube.list(kind, { fieldSelector: `metadata.name=${name}` });
  return items.find(({ metadata }) => metadata.name === name);
}
