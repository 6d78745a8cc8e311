import type { HostInterface } from "../api/kinds.ts";
import { codeOf, explain, InvalidInput } from "../errors.ts";
import type { Events } from "../kube/events.ts";
import { type AttachRequest, faultCode } from "../node/contract.ts";
import type { SaidCondition } from "../plan/hostinterface.ts";

/** Reasons of the Events that pods get; a grave (104) is none: that sandbox is gone, and the next one fares better. */
const reasons: Readonly<Record<number, string>> = {
  [faultCode.invalidConfig]: "NetworkRequestInvalid",
  [faultCode.tryLater]: "NetworkNotReady",
  [faultCode.internal]: "AttachFailed",
  [faultCode.noNic]: "NoNIC",
  [faultCode.poolFull]: "PoolFull",
  [faultCode.masterConflict]: "NICInOtherUse",
  [faultCode.addressRefused]: "AddressRefused",
  [faultCode.noBandwidth]: "NoBandwidth",
};

/**
 * Tells a pod by an Event why an attach was refused and what to do. Each try of the kubelet has another container ID,
 * which is left out: repeats are one Event that counts.
 */
export function tellPod(
  events: Pick<Events, "record">,
  request: Pick<AttachRequest, "network" | "pod">,
  error: unknown,
): void {
  const { namespace, name, uid } = request.pod;
  // cnitool and the like attach what is no pod.
  if (namespace === "" || name === "") return;
  const code =
    error instanceof InvalidInput ? faultCode.invalidConfig : Number(codeOf(error) ?? Number.NaN);
  if (code === faultCode.buried) return;
  const reason = reasons[code] ?? "AttachFailed";
  const about = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, ...(uid !== "" && { uid }) },
  };
  const message = `Not attached to network ${request.network}: ${explain(error)}`;
  events.record(about, { type: "Warning", reason, message });
}

/** Tells by an Event on the HostInterface what keeps the CNI programs off the host. */
export function tellHost(
  events: Pick<Events, "record">,
  host: HostInterface | undefined,
  condition: SaidCondition,
): void {
  const { reason, message } = condition;
  if (host && /^(LoaderMissing|InstallFailed|RemoveFailed)$/.test(reason)) {
    events.record(host, { type: "Warning", reason, message });
  }
}
