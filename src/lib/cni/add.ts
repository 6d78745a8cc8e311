import { type CniHeader, type CniNetwork, cniCode } from "../api/cni.ts";
import { parseNetwork } from "../api/cni-network.ts";
import { appendResult, type CniResult } from "../api/cni-result.ts";
import { codeOf, Failure } from "../errors.ts";
import { faultPoint } from "../faultpoint.ts";
import { type AttachmentKey, type AttachReply, faultCode } from "../node/contract.ts";
import { UndoStack } from "../undo.ts";
import {
  attachmentKey,
  attachRequest,
  type LinkPlan,
  makesLinks,
  planLink,
  wantedIps,
} from "./attach-plan.ts";
import { addDelegated } from "./delegated.ts";
import type { CniDeps } from "./deps.ts";
import type { Invocation } from "./invocation.ts";
import { refuseTaken } from "./links.ts";
import { addNative } from "./native.ts";
import { closePod, openPod, type Pod } from "./pod.ts";
import { previousResult } from "./previous.ts";
import { release } from "./release.ts";

/** Attaches a pod to a network: one NIC for each that nicd chose, or an error and nothing left behind. */
export async function add(call: Invocation, header: CniHeader, deps: CniDeps): Promise<CniResult> {
  const network = parseNetwork(header);
  const plan = planLink(network);
  const before = previousResult(header);
  const chained = before?.interfaces.some(({ name }) => name === call.ifname) ?? false;
  const pod = openPod(call, deps);
  const undo = new UndoStack();
  try {
    const sources = network.sourceRouting ? await import("./route-by-source.ts") : undefined;
    // At the bottom: the links go before it, and their rules with it.
    if (sources) undo.push("delete rules", () => sources.sweepSourceRules(pod.kernel));
    if (pod.kernel) refuseTaken(pod.kernel.links(), { ifname: call.ifname, chained });
    faultPoint("cni.add.begin");
    const key = attachmentKey(call, network.name);
    const end = deps.underWay.begin(key);
    const reply = await askForNics({ call, network, plan, pod, undo }, deps);
    faultPoint("cni.add.attached");
    const ips = network.pooled ? [] : wantedIps(call, network);
    const attachment = { call, network, pod, reply, ips, undo };
    const result =
      plan && makesLinks(network, plan, pod.kernel !== undefined)
        ? await addNative({ ...attachment, plan }, deps)
        : await addDelegated({ ...attachment, plan }, deps);
    sources?.routeBySource(pod.kernel, result);
    if (!chained) nameFirst(pod, call.ifname, deps);
    faultPoint("cni.add.named");
    if (!end()) throw overtaken(key);
    deps.log.info("attached", { ifname: call.ifname, network: network.name, why: reply.reason });
    undo.commit();
    faultPoint("cni.add.done");
    return before ? appendResult(before, result) : result;
  } catch (error) {
    for (const left of await undo.unwind()) deps.log.error("could not undo", { what: left });
    throw error;
  } finally {
    closePod(pod);
  }
}

function overtaken({ network, ifname }: AttachmentKey): Failure {
  return new Failure(
    `Cannot attach ${ifname} to ${network}: a DEL of it came meanwhile; a new sandbox gets a new container ID`,
    { code: String(faultCode.buried) },
  );
}

/** One round trip. When it breaks off after it was sent, nicd may have committed: then the undo stack detaches. */
async function askForNics(
  at: {
    call: Invocation;
    network: CniNetwork;
    plan: LinkPlan | undefined;
    pod: Pod;
    undo: UndoStack;
  },
  deps: CniDeps,
): Promise<AttachReply> {
  const { call, network, plan, pod, undo } = at;
  const detach = () => release(attachmentKey(call, network.name), deps);
  let reply: AttachReply;
  try {
    reply = await deps.node.attach(attachRequest(call, network, { plan, netns: pod.identity }));
  } catch (error) {
    if (mayHaveCommitted(error)) undo.push("detach", detach);
    throw error;
  }
  // Two ADDs of one key at once: the one that loses must not give back the addresses of the one that wins.
  if (!reply.repeated) undo.push("detach", detach);
  if (reply.interfaces.length > 0) return reply;
  throw new Failure(`Cannot attach ${call.ifname} to ${network.name}`, {
    code: cniCode.kernel,
    cause: new Failure(`nicd chose no NIC: ${reply.reason}`),
  });
}

/** A CNI code is nicd's refusal; a daemon that was never there has seen nothing. */
function mayHaveCommitted(error: unknown): boolean {
  if (!(error instanceof Failure) || /^[0-9]+$/.test(error.code ?? "")) return false;
  return !["ENOENT", "ECONNREFUSED"].includes(codeOf(error.cause) ?? "");
}

/** Lets the first NIC answer to CNI_IFNAME too: Multus' default-route and chained plugins look for it (src/README.md, decision 10). */
function nameFirst(pod: Pod, ifname: string, deps: CniDeps): void {
  const first = pod.kernel?.link(`${ifname}-0`);
  if (!pod.kernel || !first || first.altnames.includes(ifname)) return;
  try {
    pod.kernel.addAltname(first.index, ifname);
  } catch (cause) {
    if (codeOf(cause) !== "EOPNOTSUPP") {
      throw new Failure(`Cannot name ${first.name} ${ifname} too`, { code: cniCode.kernel, cause });
    }
    deps.log.warn("this kernel has no altnames (5.5 has)", { wanted: ifname });
  }
}
