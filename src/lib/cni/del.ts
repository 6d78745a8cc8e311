import type { CniHeader } from "../api/cni.ts";
import { parseNetwork } from "../api/cni-network.ts";
import { codeOf, explain } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { AttachmentKey } from "../node/contract.ts";
import { attachmentKey, makesLinks, planLink, wantedIps } from "./attach-plan.ts";
import type { CniDeps } from "./deps.ts";
import { existingCalls, type Wanted } from "./foreign.ts";
import type { Invocation } from "./invocation.ts";
import { linksOf } from "./links.ts";
import { callPlugin, type PluginCall } from "./plugins.ts";
import { closePod, isOwn, type Pod } from "./pod.ts";
import { withPrevious } from "./previous.ts";
import { release } from "./release.ts";

/** Link kinds that we make; another one of our name was put there by a plugin, whose own DEL takes it away. */
const ourKinds = ["ipvlan", "macvlan"];

/**
 * Takes an attachment away: links, then the delegates' own DEL in reverse order, then the addresses at nicd. Needs no
 * namespace, no prevResult and no sound configuration; what is gone already is success.
 */
export async function del(call: Invocation, header: CniHeader, deps: CniDeps): Promise<void> {
  faultPoint("cni.del.begin");
  const wanted = wantedOf(call, header, deps);
  const calls = wanted ? await existingCalls(wanted, header, deps) : [];
  const { pod, gone } = await openIfThere(call, deps);
  const key = attachmentKey(call, header.name);
  const overLink = calls.filter(({ type }) => type === "dhcp");
  const others = calls.filter(({ type }) => type !== "dhcp");
  const takeAway = async () => {
    // A plugin that made an ipvlan reads off it what to give back (aws-ipvlan): then ours are only its leftovers.
    const theirs = wanted?.native === false;
    // A lease is given back over the link that has it; everything else waits until no link has the address.
    const at = { call, header, deps, gone: (name: string) => gone || hasNo(pod, name) };
    const errors = await deleteForeign(overLink, at);
    if (pod?.kernel && !theirs) await deleteLinks(pod.kernel, call.ifname, deps);
    if (pod?.kernel) unname(pod.kernel, call.ifname);
    faultPoint("cni.del.links");
    if (pod?.kernel && calls.length > 0) await returnDevices(key, pod, deps);
    errors.push(...(await deleteForeign(others, at)));
    faultPoint("cni.del.delegates");
    if (pod?.kernel && theirs) await deleteLinks(pod.kernel, call.ifname, deps);
    if (pod?.kernel) await deleteRules(pod.kernel, deps);
    return errors;
  };
  try {
    const errors = await takeAway();
    const left = () => (pod?.kernel ? linksOf(pod.kernel, call.ifname) : []);
    // A delegate's NIC that is still in the pod still answers to its address, and EC2 is asked again as long as we know for what.
    const known = wanted?.network.plugin.type === "aws-ipvlan";
    if (errors.length === 0 || (!known && left().length === 0)) {
      await release(key, deps);
      // An ADD that ended since we looked has left its links.
      if (!deps.underWay.stop(key) && left().length > 0) errors.push(...(await takeAway()));
    }
    faultPoint("cni.del.released");
    if (errors.length > 0) throw errors[0];
  } finally {
    if (pod) closePod(pod);
  }
}

/** Reads a configuration that may have changed since the ADD; undefined, and a log line, when nothing can be made of it. */
function wantedOf(call: Invocation, header: CniHeader, deps: CniDeps): Wanted | undefined {
  try {
    const network = parseNetwork(header);
    const plan = planLink(network);
    const ips = network.pooled ? [] : wantedIps(call, network);
    return { call, network, plan, ips, native: makesLinks(network, plan, deps.canFfi()) };
  } catch (error) {
    deps.log.warn("the configuration is not valid, going on without it", { why: explain(error) });
    return undefined;
  }
}

/**
 * Opens the pod's namespace when there is one and it is not our own; a missing one is no matter. `gone` = it is known to be
 * no more: a path below /proc goes with one process of a pod, and that proves nothing.
 */
async function openIfThere(
  call: Invocation,
  deps: CniDeps,
): Promise<{ pod: Pod | undefined; gone: boolean }> {
  if (call.netns === "") return { pod: undefined, gone: true };
  try {
    const { openNetns } = await deps.sockets();
    const netns = openNetns(call.netns);
    const pod: Pod = { netns, kernel: undefined };
    if (isOwn(netns, call, deps)) {
      closePod(pod);
      return { pod: undefined, gone: false };
    }
    return { pod: { ...pod, kernel: netns.open() }, gone: false };
  } catch (error) {
    const usual = ["ENOENT", "NotNetns", "NoFFI"].includes(codeOf(error) ?? "");
    deps.log[usual ? "info" : "warn"]("the pod's namespace cannot be opened", {
      netns: call.netns,
      why: explain(error),
    });
    const missing = ["ENOENT", "NotNetns"].includes(codeOf(error) ?? "");
    return { pod: undefined, gone: missing && !call.netns.startsWith("/proc/") };
  }
}

function hasNo(pod: Pod | undefined, name: string): boolean {
  return pod?.kernel !== undefined && pod.kernel.link(name) === undefined;
}

async function deleteLinks(pod: Kernel, ifname: string, deps: CniDeps): Promise<void> {
  const ours = linksOf(pod, ifname).filter(({ kind }) => ourKinds.includes(kind));
  if (ours.length === 0) return;
  const giveBack = await deps.takeSlot();
  try {
    for (const [i, { index }] of ours.entries()) {
      pod.deleteLink(index);
      faultPoint("cni.del.deleted", i);
    }
  } finally {
    giveBack();
  }
}

/** RDMA devices go before their NICs, which tell whose they are. */
async function returnDevices(key: AttachmentKey, pod: Pod, deps: CniDeps): Promise<void> {
  const world = await deps.rdma();
  if (!world) return;
  const { returnRdma } = await import("./rdma.ts");
  returnRdma(key, pod.netns, { world, deps });
}

/** A NIC that a plugin moves back to the host must not bring CNI_IFNAME along as an altname: the next pod's would clash. */
function unname(pod: Kernel, ifname: string): void {
  for (const { index, altnames } of linksOf(pod, ifname)) {
    if (altnames.includes(ifname)) pod.deleteAltname(index, ifname);
  }
}

/** Whatever the configuration says now: it may have said sourceRouting at ADD. */
async function deleteRules(pod: Kernel, deps: CniDeps): Promise<void> {
  const { sweepSourceRules } = await import("./route-by-source.ts");
  try {
    sweepSourceRules(pod);
  } catch (error) {
    deps.log.warn("rules of sourceRouting stay in the pod", { why: explain(error) });
  }
}

/**
 * Calls every delegate whatever the others said; the errors come in the order in which they were met. One that fails because
 * an earlier DEL, or the kernel, took everything away already has not failed.
 */
async function deleteForeign(
  calls: readonly PluginCall[],
  at: { call: Invocation; header: CniHeader; deps: CniDeps; gone(ifname: string): boolean },
): Promise<unknown[]> {
  const { call, header, deps } = at;
  const errors: unknown[] = [];
  for (const plugin of calls.toReversed()) {
    try {
      await callPlugin({ ...withPrevious(plugin, header), command: "DEL" }, call, deps);
    } catch (error) {
      const { nothingLeft } = await import("./nothing-left.ts");
      const done = await nothingLeft(plugin, at);
      const why = explain(error);
      deps.log[done ? "info" : "error"]("a plugin's DEL failed", { nic: plugin.ifname, done, why });
      if (!done) errors.push(error);
    }
  }
  return errors;
}
