import { readlinkSync } from "node:fs";
import { explain, Failure } from "../errors.ts";
import { openNetns } from "../linux/netns.ts";
import { openKernel } from "../linux/rtnetlink.ts";
import { NodeClient } from "../node/client.ts";
import type { MendReply, MendRequest } from "../node/contract.ts";
import { socketPath } from "../node/paths.ts";
import { leakedLinks } from "../plan/doctor-links.ts";
import type { SeenNamespace, SeenPodLink } from "../plan/held.ts";
import type { NodePaths } from "../settings.ts";
import { lookAtNamespaces } from "./namespaces.ts";

/** The first PID namespace: PROC_PID_INIT_INO of linux/proc_ns.h. */
const firstPidNamespace = "pid:[4026531836]";

/**
 * Mends what can be mended safely on this node: nicd frees, mirrors and routes by its own proofs, and links of ours that no
 * record has go where no process lives. `seesAll` = every process of this host can be seen, whatever our PID namespace is.
 */
export async function gc(
  { dryRun }: MendRequest,
  deps: { readonly paths: Pick<NodePaths, "runDir">; readonly seesAll: boolean },
): Promise<MendReply> {
  const client = new NodeClient({ socket: socketPath(deps.paths), waitMs: 0 });
  const done = await client.mend({ dryRun });
  const steps = [...done.steps];
  const failures = [...done.failures];
  using host = openKernel();
  const before = await client.record({ objects: true });
  const { namespaces, unchecked } = lookAtNamespaces(host, before.attachments);
  failures.push(...unchecked.map((what) => `not looked at: ${what}`));
  // Read after the links: an attachment is recorded before its links are made, so one that is not there now never was.
  const { attachments: held } = await client.record({});
  const podCIDRs = before.objects?.IPPool.map((pool) => pool.spec.podCIDR) ?? [];
  const certain = deps.seesAll || readlinkSync("/proc/self/ns/pid") === firstPidNamespace;
  for (const { namespace, link } of leakedLinks({ held, namespaces, podCIDRs })) {
    const what = `${link.name} on ${link.master} in ${namespace.path}, which no attachment on record has`;
    const why = refusal(namespace, certain);
    if (why !== undefined) failures.push(`left ${what}: ${why}`);
    else {
      steps.push(`remove link ${what}`);
      if (!dryRun) failures.push(...removeLink(namespace, link));
    }
  }
  return { steps, failures };
}

/** Whose namespace has no process runs no pod; undefined = so it is. */
function refusal({ processes }: SeenNamespace, certain: boolean): string | undefined {
  if (processes.length > 0) return `process ${processes[0]} lives there, delete its pod`;
  return certain
    ? undefined
    : "whether a pod lives there cannot be seen from here; run this in the host's PID namespace";
}

function removeLink(namespace: SeenNamespace, link: SeenPodLink): string[] {
  try {
    using netns = openNetns(namespace.path);
    if (String(netns.ino) !== namespace.ino || String(netns.dev) !== namespace.dev) {
      throw new Failure("another namespace is there by now");
    }
    using kernel = netns.open();
    if (kernel.link(link.index)?.name === link.name) kernel.deleteLink(link.index);
    return [];
  } catch (error) {
    return [`remove ${link.name} in ${namespace.path}: ${explain(error)}`];
  }
}
