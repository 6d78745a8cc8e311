import { type CniHeader, type CniNetwork, cniCode, type JsonObject } from "../api/cni.ts";
import { parseNetwork } from "../api/cni-network.ts";
import { appendResult, type CniIp, type CniResult, parseResult } from "../api/cni-result.ts";
import { explain, Failure } from "../errors.ts";
import type { AttachReply } from "../node/contract.ts";
import { UndoStack } from "../undo.ts";
import { attachmentKey, attachRequest, type LinkPlan, planLink, wantedIps } from "./attach-plan.ts";
import { addDelegated } from "./delegated.ts";
import type { CniDeps } from "./deps.ts";
import type { Invocation } from "./invocation.ts";
import { linksOf, refuseTaken } from "./links.ts";
import { addNative } from "./native.ts";
import { closePod, openPod, type Pod } from "./pod.ts";
import { release } from "./release.ts";

/** What both ways of making links need. */
export interface Attachment {
  readonly call: Invocation;
  readonly network: CniNetwork;
  readonly plan: LinkPlan | undefined;
  readonly pod: Pod;
  readonly reply: AttachReply;
  /** Static addresses for an IPAM that is not ours. */
  readonly ips: readonly string[];
  readonly undo: UndoStack;
}

/** Attaches a pod to a network: one NIC for each that nicd chose, or none at all and an error. */
export async function add(
  call: Invocation,
  header: CniHeader,
  deps: CniDeps,
): Promise<CniResult> {
  const network = parseNetwork(header);
  const plan = planLink(network);
  const before = previous(header);
  const pod = openPod(call, deps);
  const undo = new UndoStack();
  try {
    const chained = before?.interfaces.some(({ name }) => name === call.ifname) ?? false;
    if (pod.kernel) refuseTaken(pod.kernel.links(), call.ifname, chained);
    const reply = await attach(call, network, { plan, pod, deps });
    undo.push("detach", () => release(attachmentKey(call, network.name), deps));
    const ips = network.pooled ? [] : wantedIps(call, network);
    const attachment = { call, network, plan, pod, reply, ips, undo };
    const native = plan && pod.kernel;
    const result = native
      ? await addNative({ ...attachment, plan }, deps)
      : await addDelegated(attachment, deps);
    nameFirst(pod, { ifname: call.ifname, chained });
    deps.log.info("attached", { ifname: call.ifname, network: network.name, why: reply.reason });
    undo.commit();
    return before ? appendResult(before, result) : result;
  } catch (error) {
    for (const left of await undo.unwind()) deps.log.error("could not undo", { what: left });
    throw error;
  } finally {
    closePod(pod);
  }
}

/** Returns the result of the plugins before us in a chain. */
export function previous(header: CniHeader): CniResult | undefined {
  const raw = header.raw["prevResult"];
  return raw === undefined || raw === null ? undefined : parseResult(raw, header.cniVersion);
}

async function attach(
  call: Invocation,
  network: CniNetwork,
  { plan, pod, deps }: { plan: LinkPlan | undefined; pod: Pod; deps: CniDeps },
): Promise<AttachReply> {
  const request = attachRequest(call, network, { plan, netns: pod.identity });
  const reply = await deps.node.attach(request);
  if (reply.interfaces.length > 0) return reply;
  await release(attachmentKey(call, network.name), deps);
  throw new Failure(`Cannot attach ${call.ifname} to ${network.name}`, {
    code: cniCode.kernel,
    cause: new Failure(`nicd chose no NIC: ${reply.reason}`),
  });
}

/** Lets the first NIC answer to CNI_IFNAME too: Multus' default-route and chained plugins look for it (DESIGN 10). */
function nameFirst(pod: Pod, { ifname, chained }: { ifname: string; chained: boolean }): void {
  if (!pod.kernel || chained) return;
  const first = pod.kernel.link(`${ifname}-0`);
  if (!first) return;
  try {
    pod.kernel.addAltname(first.index, ifname);
  } catch (cause) {
    throw new Failure(`Cannot name ${first.name} ${ifname} too`, { code: cniCode.kernel, cause });
  }
}
