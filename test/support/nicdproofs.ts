import { attachRequest, host1Pools } from "./attachments.ts";
import { until } from "./lab.ts";
import type { LiveNicd } from "./live-nicd.ts";

/** Mounts that a host makes reach nicd's mount namespace, as /run/netns in its pod is mounted HostToContainer. */
export const sharedMounts =
  "mount --make-rshared / && mount -t tmpfs tmpfs /run/netns && mount --make-shared /run/netns";

/** Writes host1's pools to nicd's API server. */
export async function applyPools(nicd: LiveNicd): Promise<void> {
  const labels = { hostname: "host1", netname: "net" };
  const items = host1Pools.map((pool) => ({ ...pool, metadata: { ...pool.metadata, labels } }));
  const apply = ["apply", "--server-side", "--validate=false", "-f", "-"];
  await nicd.kubectl(apply, { apiVersion: "v1", kind: "List", items });
}

/** Waits until nicd has pools to give addresses from. */
export async function poolsKnown({ client }: LiveNicd): Promise<void> {
  const { network, ref } = attachRequest("c");
  await until(
    "the pools",
    () => client.status({ network, ref }),
    ({ ready }) => ready,
  );
}

/** Makes a real namespace where nicd looks, and returns what an attach says of it. */
export async function makeNamespace(
  nicd: LiveNicd,
  name: string,
): Promise<{ netns: string; netnsDev: string; netnsIno: string }> {
  const path = `/run/netns/${name}`;
  const said = await nicd.inMounts(`ip netns add ${name} && stat -c '%d %i' ${path}`);
  const [netnsDev = "", netnsIno = ""] = said.trim().split(" ");
  return { netns: path, netnsDev, netnsIno };
}

/** Tells whether nicd has an attachment of this container. */
export function isHeld({ client }: LiveNicd, containerID: string): Promise<boolean> {
  return client.check({ network: "net", containerID, ifname: "net1" }).then(
    () => true,
    () => false,
  );
}

/** Waits until the collector has freed this container: it has then looked at all the others too. */
export function freed(nicd: LiveNicd, containerID: string): Promise<boolean> {
  return until(
    `${containerID} to be freed`,
    () => isHeld(nicd, containerID),
    (held) => !held,
  );
}
