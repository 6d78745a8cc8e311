import { type CniHeader, cniCode, parseVersion, versionAtLeast } from "../api/cni.ts";
import { parseNetwork } from "../api/cni-network.ts";
import { Failure } from "../errors.ts";
import { NodeRefusal } from "../node/client.ts";
import type { NetworkRef, StatusReply } from "../node/contract.ts";
import { makesLinks, networkRef, planLink } from "./attach-plan.ts";
import type { CniDeps } from "./deps.ts";
import { ipamTypeOf, isShared } from "./foreign.ts";
import type { Invocation } from "./invocation.ts";
import { callPlugin } from "./plugins.ts";

/** Tells whether an ADD can work now: code 50 when not, 51 when pods that run may be cut off too. */
export async function status(call: Invocation, header: CniHeader, deps: CniDeps): Promise<void> {
  const network = parseNetwork(header);
  const plan = planLink(network);
  await askNode({ network: network.name, ref: networkRef(network, plan) }, deps);
  const native = makesLinks(network, plan, deps.canFfi());
  if (!isShared({ call, network, plan, ips: [], native })) return;
  const { ipam } = network;
  const type = native ? ipamTypeOf(ipam) : network.plugin.type;
  const cniVersion = network.plugin.cniVersion || network.cniVersion;
  try {
    await deps.findPlugin(type, call.path);
  } catch (cause) {
    throw unavailable(false, cause);
  }
  if (!versionAtLeast(parseVersion(cniVersion), "1.1.0")) return;
  const config = {
    ...network.plugin.args,
    cniVersion,
    name: network.name,
    type: network.plugin.type,
    ipam,
  };
  await callPlugin({ command: "STATUS", type, ifname: "", config }, call, deps);
}

/** Asks nicd; a daemon that is away keeps new pods waiting, while those that run have their links and routes. */
export async function askNode(
  request: { network: string; ref: NetworkRef },
  deps: CniDeps,
): Promise<void> {
  let reply: StatusReply;
  try {
    reply = await deps.node.status(request);
  } catch (cause) {
    if (cause instanceof NodeRefusal && cause.fault.code === Number(cniCode.limited)) throw cause;
    throw unavailable(false, cause);
  }
  if (!reply.ready) throw unavailable(reply.limited, new Failure(reply.reasons.join("; ")));
}

function unavailable(limited: boolean, cause: unknown): Failure {
  return new Failure("New pods cannot be attached now", {
    code: limited ? cniCode.limited : cniCode.unavailable,
    cause,
  });
}
