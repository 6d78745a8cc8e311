import { type CniNetwork, cniCode, refuse } from "../api/cni.ts";
import { Failure, type Fault } from "../errors.ts";
import type { NewLink } from "../linux/kernel.ts";
import type { AttachmentKey, AttachRequest, NetworkRef } from "../node/contract.ts";
import type { NetnsIdentity } from "./deps.ts";
import type { Invocation } from "./invocation.ts";

/** Links that we make ourselves, but for the master. */
export type LinkPlan =
  | { readonly kind: "ipvlan"; readonly mode: "l2" | "l3" | "l3s"; readonly mtu: number }
  | {
      readonly kind: "macvlan";
      readonly mode: "bridge" | "private" | "vepa" | "passthru";
      readonly mtu: number;
    };

const ipvlanModes = ["l2", "l3", "l3s"] as const;
const macvlanModes = ["bridge", "private", "vepa", "passthru"] as const;

/** Decides which links a definition wants; undefined = another plugin makes them. Throws codes 2 and 7. */
export function planLink(network: CniNetwork): LinkPlan | undefined {
  const { type, args } = network.plugin;
  const faults: Fault[] = [];
  if (type === "") faults.push({ path: "plugin.type", problem: "is missing" });
  if (type === network.type && type !== "")
    faults.push({ path: "plugin.type", problem: `is ${type}, which is this plugin itself` });
  if (network.ipam.type === "multi-nic-ipam" && !network.pooled)
    faults.push({ path: "ipam.type", problem: "multi-nic-ipam needs multiNICIPAM: true" });
  if (network.ipam.type === "multi-config" && typeof network.ipam["ipam_type"] !== "string")
    faults.push({ path: "ipam.ipam_type", problem: "is missing: a plugin's name" });
  refuse(faults);
  if (type !== "ipvlan" && type !== "macvlan") return undefined;
  const given = args["mtu"] ?? 0;
  const mtu = typeof given === "number" || typeof given === "string" ? Number(given) : -1;
  if (!Number.isInteger(mtu) || mtu < 0) {
    const problem = `is ${JSON.stringify(args["mtu"])}: bytes as a whole number are wanted`;
    refuse([{ path: "plugin.mtu", problem }]);
  }
  const mode = args["mode"];
  return type === "ipvlan"
    ? { kind: type, mode: pick(mode, ipvlanModes), mtu }
    : { kind: type, mode: pick(mode, macvlanModes), mtu };
}

/** Tells whether we make the links of a plan: `able` = rtnetlink is possible, and the definition does not want the plugin of that name. */
export function makesLinks(
  network: CniNetwork,
  plan: LinkPlan | undefined,
  able: boolean,
): boolean {
  return plan !== undefined && able && !network.plugin.delegate;
}

/** Joins a plan with the master's index. */
export function newLink(plan: LinkPlan, parent: number): NewLink {
  return plan.kind === "ipvlan"
    ? { kind: plan.kind, mode: plan.mode, parent }
    : { kind: plan.kind, mode: plan.mode, parent };
}

/** Returns the attachment's identity: never the pod's name. */
export function attachmentKey(call: Invocation, network: string): AttachmentKey {
  return { network, containerID: call.containerID, ifname: call.ifname };
}

/** Says to nicd which parts of the definition its choice depends on. */
export function networkRef(network: CniNetwork, plan: LinkPlan | undefined): NetworkRef {
  const mode = network.plugin.args["mode"];
  return {
    subnet: network.subnet,
    masterNets: [...network.masterNets],
    pooled: network.pooled,
    pluginType: network.plugin.type,
    mode: plan?.mode ?? (typeof mode === "string" ? mode : ""),
  };
}

/** Builds the one request of an ADD. `runtimeConfig` wins over CNI_ARGS, which hold the same when both are there. */
export function attachRequest(
  call: Invocation,
  network: CniNetwork,
  options: { plan: LinkPlan | undefined; netns: NetnsIdentity },
): AttachRequest {
  const { nics, masters, target, class: deviceClass } = network.podArgs;
  return {
    ...attachmentKey(call, network.name),
    pod: call.pod,
    netns: call.netns,
    netnsDev: String(options.netns.dev),
    netnsIno: String(options.netns.ino),
    ref: networkRef(network, options.plan),
    request: {
      ...(nics === undefined ? {} : { nics }),
      ...(masters === undefined ? {} : { masters: [...masters] }),
      ...(target === undefined ? {} : { target }),
      ...(deviceClass === undefined ? {} : { class: deviceClass }),
    },
    ips: [...wantedIps(call, network)],
    deviceIDs: deviceIDs(network),
  };
}

/** Returns the static addresses that the pod asked for, in NIC order: by capability, else by CNI_ARGS, else by `cni-args`. */
export function wantedIps(call: Invocation, network: CniNetwork): readonly string[] {
  if (network.runtimeConfig.ips.length > 0) return network.runtimeConfig.ips;
  return call.ips.length > 0 ? call.ips : (network.podArgs.ips ?? []);
}

/** Returns the Ethernet address that the pod asked for; "" when none. */
export function wantedMac(call: Invocation, network: CniNetwork): string {
  return network.runtimeConfig.mac || call.mac;
}

function deviceIDs(network: CniNetwork): string[] {
  const given = network.runtimeConfig.deviceID || network.deviceID;
  return given === "" ? [] : given.split(",");
}

function pick<T extends string>(value: unknown, modes: readonly [T, ...T[]]): T {
  if (value === undefined || value === "") return modes[0];
  const found = modes.find((mode) => mode === value);
  if (found) return found;
  throw new Failure("The network configuration asks for what is not supported", {
    code: cniCode.field,
    cause: new Failure(`plugin.mode is ${JSON.stringify(value)}: one of ${modes.join(", ")}`),
  });
}
