import { cniCode } from "../api/cni.ts";
import { codeOf, Failure } from "../errors.ts";
import type { Kernel, Netns } from "../linux/kernel.ts";
import type { CniDeps, NetnsIdentity, Sockets } from "./deps.ts";
import type { Invocation } from "./invocation.ts";

/** The pod's namespace. Without FFI there is no way in: `netns` and `kernel` are undefined, and plugins do the work. */
export interface Pod {
  readonly netns: Netns | undefined;
  readonly kernel: Kernel | undefined;
}

const own = "/proc/self/ns/net";

/** Opens the namespace at CNI_NETNS, which identifyPod looked at; throws code 4 when it is not that one any more. */
export async function openPod(
  call: Invocation,
  identity: NetnsIdentity,
  deps: CniDeps,
): Promise<Pod> {
  const netns = openNetns(call, await deps.sockets());
  try {
    if (netns && (netns.dev !== identity.dev || netns.ino !== identity.ino)) {
      throw new Failure(`Cannot use CNI_NETNS ${call.netns}`, {
        code: cniCode.environment,
        cause: new Failure("another namespace took its place while we looked"),
      });
    }
    return { netns, kernel: netns?.open() };
  } catch (error) {
    netns?.close();
    throw error;
  }
}

/** Says which namespace is at CNI_NETNS; throws code 4 when it is not there, is no namespace, or is our own. */
export function identifyPod(call: Invocation, deps: CniDeps): NetnsIdentity {
  const identity = identify(call.netns, deps);
  refuseOwn(identity, call, deps);
  return identity;
}

/** Closes what openPod opened. */
export function closePod(pod: Pod): void {
  pod.kernel?.close();
  pod.netns?.close();
}

/** Tells whether a namespace is the one that we run in, and nobody said that this is meant. */
export function isOwn(identity: NetnsIdentity, call: Invocation, deps: CniDeps): boolean {
  if (call.override) return false;
  const ours = identify(own, deps);
  return ours.dev === identity.dev && ours.ino === identity.ino;
}

function refuseOwn(identity: NetnsIdentity, call: Invocation, deps: CniDeps): void {
  if (!isOwn(identity, call, deps)) return;
  throw new Failure("The environment of the CNI call is not valid", {
    code: cniCode.environment,
    cause: new Failure(
      `CNI_NETNS is ${call.netns}, the namespace that this plugin runs in; CNI_NETNS_OVERRIDE=1 allows that`,
    ),
  });
}

function openNetns(call: Invocation, sockets: Sockets): Netns | undefined {
  try {
    return sockets.openNetns(call.netns);
  } catch (cause) {
    if (codeOf(cause) === "NoFFI") return undefined;
    throw new Failure(`Cannot open CNI_NETNS ${call.netns}`, { code: cniCode.environment, cause });
  }
}

function identify(path: string, deps: CniDeps): NetnsIdentity {
  try {
    return deps.identify(path);
  } catch (cause) {
    const what = path === own ? path : `CNI_NETNS ${path}`;
    throw new Failure(`Cannot open ${what}`, { code: cniCode.environment, cause });
  }
}
