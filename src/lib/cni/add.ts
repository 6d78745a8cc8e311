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
import type { Attachment } from "./attachment.ts";
import type { CniDeps, NetnsIdentity } from "./deps.ts";
import type { Invocation } from "./invocation.ts";
import { closePod, identifyPod, openPod, type Pod } from "./pod.ts";
import { previousResult } from "./previous.ts";
import { release } from "./release.ts";
import { soundReply } from "./reply.ts";

/** Attaches a pod to a network: one NIC for each that nicd chose, or an error and nothing left behind. */
export async function add(call: Invocation, header: CniHeader, deps: CniDeps): Promise<CniResult> {
  const network = parseNetwork(header);
  const plan = planLink(network);
  const before = previousResult(header);
  const chained = before?.interfaces.some(({ name }) => name === call.ifname) ?? false;
  const identity = identifyPod(call, deps);
  const undo = new UndoStack();
  let prepared: Promise<Prepared> | undefined;
  // While nicd chooses; what goes wrong here is told once its answer is in, and then undone.
  const prepare = () => {
    prepared ??= openAll(call, { identity, chained }, deps);
    return prepared;
  };
  try {
    faultPoint("cni.add.begin");
    const key = attachmentKey(call, network.name);
    const end = deps.underWay.begin(key);
    const asked = { call, network, plan, identity, undo };
    const reply = await askForNics(asked, () => settled(prepare()), deps);
    faultPoint("cni.add.attached");
    const { pod, addNative } = await prepare();
    const sources = network.sourceRouting ? await import("./route-by-source.ts") : undefined;
    // The links go before it, and their rules with it: what else is on the stack is nicd's part.
    if (sources) undo.push("delete rules", () => sources.sweepSourceRules(pod.kernel));
    const ips = network.pooled ? [] : wantedIps(call, network);
    const attachment = { call, network, pod, reply, ips, chained, undo };
    const result =
      plan && makesLinks(network, plan, pod.kernel !== undefined)
        ? await addNative({ ...attachment, plan }, deps)
        : await addDelegated({ ...attachment, plan }, deps);
    sources?.routeBySource(pod.kernel, result);
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
    await prepared?.then(
      ({ pod }) => closePod(pod),
      () => {},
    );
  }
}

function overtaken({ network, ifname }: AttachmentKey): Failure {
  return new Failure(
    `Cannot attach ${ifname} to ${network}: a DEL of it came meanwhile; a new sandbox gets a new container ID`,
    { code: String(faultCode.buried) },
  );
}

/** What making links takes: the open namespace, in which no name of ours is taken, and the code for it. */
interface Prepared {
  readonly pod: Pod;
  readonly addNative: typeof import("./native.ts").addNative;
}

async function openAll(
  call: Invocation,
  { identity, chained }: { identity: NetnsIdentity; chained: boolean },
  deps: CniDeps,
): Promise<Prepared> {
  const [{ addNative }, { refuseTaken }, pod] = await Promise.all([
    import("./native.ts"),
    import("./links.ts"),
    openPod(call, identity, deps),
  ]);
  try {
    if (pod.kernel) refuseTaken(pod.kernel.links(), { ifname: call.ifname, chained });
    return { pod, addNative };
  } catch (error) {
    closePod(pod);
    throw error;
  }
}

async function settled(work: Promise<unknown>): Promise<void> {
  await work.catch(() => {});
}

/** Most networks never need it. */
async function addDelegated(attachment: Attachment, deps: CniDeps): Promise<CniResult> {
  const delegated = await import("./delegated.ts");
  return delegated.addDelegated(attachment, deps);
}

/** One round trip. When it breaks off after it was sent, nicd may have committed: then the undo stack detaches. */
async function askForNics(
  at: {
    call: Invocation;
    network: CniNetwork;
    plan: LinkPlan | undefined;
    identity: NetnsIdentity;
    undo: UndoStack;
  },
  meanwhile: () => Promise<void>,
  deps: CniDeps,
): Promise<AttachReply> {
  const { call, network, plan, identity, undo } = at;
  const detach = () => release(attachmentKey(call, network.name), deps);
  let reply: AttachReply;
  try {
    const request = attachRequest(call, network, { plan, netns: identity });
    reply = await deps.node.attach(request, meanwhile);
  } catch (error) {
    if (mayHaveCommitted(error)) undo.push("detach", detach);
    throw error;
  }
  // Two ADDs of one key at once: the one that loses must not give back the addresses of the one that wins.
  if (!reply.repeated) undo.push("detach", detach);
  soundReply(reply, call.ifname);
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
