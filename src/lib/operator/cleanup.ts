import { parseIpam } from "../api/ipam.ts";
import type { IpamSpec } from "../api/kinds.ts";
import type { KubeObject } from "../api/meta.ts";
import { Failure } from "../errors.ts";
import type { Next } from "../kube/controller.ts";
import { isOlder } from "../kube/copy.ts";
import type { Kinds, KubeList } from "../kube/kube.ts";
import { planDefinitions } from "../plan/definitionsteps.ts";
import { networkOf } from "../plan/networkof.ts";
import { everyStep, writeNetworkStatus } from "./apply.ts";
import type { Deps } from "./deps.ts";
import { dropFinalizer, networkFinalizer } from "./finalizers.ts";
import { aliveIn, type Observed } from "./observe.ts";
import { removeSriovNetwork } from "./sriovnetwork.ts";
import { removeSriovPolicy } from "./sriovpolicy.ts";

/**
 * Takes a deleted network apart: definitions at once; CIDR and pools after every nicd that is alive has closed the
 * network to new pods and the last address has been given back there; the finalizer when every nicd that is alive reports no more of it. A dead node is not waited
 * for: its nicd removes what no network wants when it comes back.
 */
export async function cleanUpNetwork(seen: Observed, deps: Deps): Promise<Next> {
  const { network } = seen;
  const name = network.metadata.name;
  const none = { masterNets: [], config: undefined, namespaces: [] };
  await everyStep(
    planDefinitions(network, { ...none, existing: seen.definitions }).steps,
    async (step) => {
      if (step.do !== "delete") return;
      const { namespace, uid } = step;
      await deps.kube.remove("NetworkAttachmentDefinition", step.name, { namespace, uid });
    },
  );
  await removeSriovNetwork(network, deps);
  const isAlive = aliveIn(seen);
  const held = seen.pools.filter(
    (pool) => pool.spec.allocations.length > 0 && isAlive(pool.spec.hostName),
  );
  if (held.length > 0) {
    const pods = held.flatMap((pool) =>
      pool.spec.allocations.map((a) => `${a.namespace}/${a.pod}`),
    );
    await say(seen, [...new Set(pods)].sort(), deps);
    return { after: deps.pace().normalMs };
  }
  await removeSriovPolicy(network, deps);
  const slices = [...seen.slices, ...unreadableOf(seen, "CIDR")];
  if (slices.length > 0 && isOpenSomewhere(seen, isAlive, deps)) {
    return { after: deps.pace().urgentMs };
  }
  for (const slice of slices) {
    const { uid, resourceVersion } = slice.metadata;
    await deps.kube.remove("CIDR", slice.metadata.name, { uid, resourceVersion });
  }
  const busy = seen.hostInterfaces.filter(
    (host) =>
      seen.daemons.ready.has(host.metadata.name) &&
      isAlive(host.metadata.name) &&
      host.status?.networks?.some((report) => report.name === name),
  );
  if (busy.length > 0) return { after: deps.pace().urgentMs };
  for (const pool of [...seen.pools, ...unreadableOf(seen, "IPPool")]) {
    const { uid, resourceVersion } = pool.metadata;
    await deps.kube.remove("IPPool", pool.metadata.name, { uid, resourceVersion });
  }
  // What a copy has missed would stay for good once the network is gone.
  if (await removeMissed(seen, isAlive, deps)) return { after: deps.pace().urgentMs };
  await dropFinalizer(deps.kube, "MultiNicNetwork", {
    object: network,
    finalizer: networkFinalizer,
  });
  deps.log.info("network removed", { network: name });
  return "done";
}

/**
 * Removes the slices and empty pools that the server has and our copies have not: a watch may lose an event, which is found
 * out up to minutes later. Returns whether there were any.
 */
async function removeMissed(
  seen: Observed,
  isAlive: (node: string) => boolean,
  deps: Deps,
): Promise<boolean> {
  const own = <T extends KubeObject>({ items }: { readonly items: readonly T[] }) =>
    items.filter((object) => networkOf(object) === seen.network.metadata.name);
  const slices = own(await listNow("CIDR", seen, deps));
  const pools = own(await listNow("IPPool", seen, deps));
  const known = new Set([...seen.slices, ...seen.pools].map(({ metadata }) => metadata.uid));
  for (const { object } of seen.unreadable) known.add(object.metadata.uid);
  const missed = slices.filter(({ metadata }) => !known.has(metadata.uid));
  const missedPools = pools.filter(({ metadata }) => !known.has(metadata.uid));
  if (missed.length + missedPools.length === 0) return false;
  const isHeld = missedPools.some(
    ({ spec }) => spec.allocations.length > 0 && isAlive(spec.hostName),
  );
  if (isHeld || isOpenSomewhere(seen, isAlive, deps)) return true;
  for (const { kind, metadata } of [...missed, ...missedPools]) {
    const { name, uid, resourceVersion } = metadata;
    await deps.kube.remove(kind, name, { uid, resourceVersion });
    deps.log.warn(`${kind} of a deleted network had been missed, removed`, { name });
  }
  return true;
}

/** Lists what the server has, not before the network was deleted. */
async function listNow<K extends "CIDR" | "IPPool">(
  kind: K,
  { network }: Observed,
  deps: Deps,
): Promise<KubeList<Kinds[K]>> {
  const list = await deps.kube.list(kind);
  if (isOlder(list.resourceVersion, network.metadata.resourceVersion ?? "")) {
    throw new Failure(
      `Cannot finish the deletion of MultiNicNetwork ${network.metadata.name}: the list of ${kind} objects is from before it`,
      { code: "Unavailable" },
    );
  }
  return list;
}

function unreadableOf({ unreadable }: Observed, kind: string): KubeObject[] {
  return unreadable.map(({ object }) => object).filter((object) => object.kind === kind);
}

/**
 * Tells whether a pod may still get the network somewhere, or has got it and is not in the pool yet: the mirror lags. A ready
 * nicd says so itself; one that only restarts has a minute for it.
 */
function isOpenSomewhere(
  { network, hostInterfaces, daemons }: Observed,
  isAlive: (node: string) => boolean,
  deps: Deps,
): boolean {
  const { name, deletionTimestamp = "" } = network.metadata;
  const isRecent = deps.now() - Date.parse(deletionTimestamp) < deps.pace().normalMs;
  return hostInterfaces.some(({ metadata, status }) => {
    const node = metadata.name;
    if (!isAlive(node) || !daemons.all.has(node)) return false;
    const said = status?.leaving?.find((one) => one.name === name);
    if (said) return said.attachments > 0;
    return daemons.ready.has(node) || isRecent;
  });
}

/** Lists in status the pods that keep the network's addresses. */
async function say(seen: Observed, lingeringPods: readonly string[], deps: Deps): Promise<void> {
  const state = {
    network: seen.network,
    ipam: ipamOf(seen.network.spec.ipam),
    faults: [],
    definitions: { matching: 0, wanted: 0 },
    slices: seen.slices,
    hostInterfaces: seen.hostInterfaces,
    daemons: seen.daemons,
    lingeringPods,
  };
  await writeNetworkStatus(state, deps);
}

function ipamOf(text: string): IpamSpec | undefined {
  try {
    return parseIpam(text).config;
  } catch {
    // A network that never was valid can be deleted too.
    return undefined;
  }
}
