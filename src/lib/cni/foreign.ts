import {
  type CniHeader,
  type CniNetwork,
  type CniRoute,
  cniCode,
  isObject,
  type JsonObject,
} from "../api/cni.ts";
import { explain, Failure } from "../errors.ts";
import { attachmentKey, wantedMac } from "./attach-plan.ts";
import type { Attachment } from "./attachment.ts";
import type { CniDeps } from "./deps.ts";
import { isOurName } from "./links.ts";
import { type ChosenNic, nicConfig } from "./nic-config.ts";
import { ipamOf, ipsOfNic, routesOfNic } from "./nic-ipam.ts";
import type { PluginCall } from "./plugins.ts";
import { readablePrevious } from "./previous.ts";

/** RT_SCOPE_UNIVERSE: link-local addresses stay with the host. */
const globalScope = 0;

/** An attachment as far as its configuration says it; `native` = we make the links. */
export type Wanted = Pick<Attachment, "call" | "network" | "plan" | "ips"> & {
  readonly native: boolean;
};

/** Tells whether another plugin has a share in the NICs: it makes them, or it gives their addresses. */
export function isShared(at: Wanted): boolean {
  if (!at.native) return true;
  const { ipam, pooled } = at.network;
  const type = ipamTypeOf(ipam);
  return !pooled && type !== "" && type !== "static" && type !== "host-device-ipam";
}

/** Names the plugin that gives the addresses; `multi-config` says it in a key of its own, "" when it does not. */
export function ipamTypeOf(ipam: CniNetwork["ipam"]): string {
  if (ipam.type !== "multi-config") return ipam.type;
  return typeof ipam["ipam_type"] === "string" ? ipam["ipam_type"] : "";
}

/** Builds the ADD that another plugin gets for one NIC: its IPAM when the link is ours, else the plugin of its type. */
export function foreignCall(
  at: Wanted,
  of: { nic: ChosenNic; index: number; ipam: JsonObject; hostAddresses: readonly string[] },
): PluginCall {
  const { nic, index, ipam, hostAddresses } = of;
  const ips = ipam["type"] === "static" ? [] : ipsOfNic(at.ips, index);
  const first = index === 0;
  const config = nicConfig(at.network, nic, {
    ipam,
    plan: at.plan,
    mac: first ? wantedMac(at.call, at.network) : "",
    guid: first ? at.network.runtimeConfig.infinibandGUID : "",
    ips,
    hostAddresses,
  });
  const type = at.native ? String(ipam["type"]) : at.network.plugin.type;
  return { command: "ADD", type, ifname: nic.name, config, ips };
}

/** Returns one NIC's IPAM object for ADD, host addresses filled in where the definition wants those. */
export function nicIpam(
  at: Wanted,
  of: { nic: ChosenNic; index: number; hostAddresses: readonly string[] },
): JsonObject {
  const { nic, index, hostAddresses } = of;
  if (at.network.ipam.type === "host-device-ipam" && hostAddresses.length === 0) {
    const { master, pciAddress } = nic;
    const itself = pciAddress === "" ? master : `${pciAddress} (of ${master})`;
    throw new Failure(`Cannot give ${nic.name} the host's address`, {
      code: cniCode.kernel,
      cause: new Failure(
        `host-device-ipam moves the NIC's own address into the pod, and ${itself} has none: give it one, or the network another IPAM`,
      ),
    });
  }
  const ipam = ipamOf(at.network, nic, { index, ips: at.ips, hostAddresses });
  const routes = at.native ? [] : ownRoutes(at.network, nic);
  return routes.length > 0 ? { ...ipam, routes } : ipam;
}

/** The definition's routes that the plugin of one NIC can set by itself. */
export function ownRoutes(network: CniNetwork, nic: ChosenNic): readonly CniRoute[] {
  return network.pooled ? routesOfNic(network.routes, nic.addresses) : [];
}

/**
 * Returns the calls of an attachment that exists already, in NIC order; `command` is ADD, for the caller to replace. The
 * NICs are known from nicd, else from prevResult, else they are as many as there can be: a DEL too many is harmless.
 */
export async function existingCalls(
  at: Wanted,
  header: CniHeader,
  deps: CniDeps,
): Promise<PluginCall[]> {
  if (!isShared(at)) return [];
  const nics = await existingNics(at, header, deps);
  const calls: PluginCall[] = [];
  for (const [index, nic] of nics.entries()) {
    try {
      const hostAddresses = await hostAddressesOf(at, nic, deps);
      const ipam = ipamOf(at.network, nic, { index, ips: at.ips, hostAddresses });
      calls.push(foreignCall(at, { nic, index, ipam, hostAddresses }));
    } catch (error) {
      deps.log.warn("no plugin to ask about a NIC", { nic: nic.name, why: explain(error) });
    }
  }
  return calls;
}

async function existingNics(
  { call, network }: Wanted,
  header: CniHeader,
  deps: CniDeps,
): Promise<readonly ChosenNic[]> {
  try {
    return (await deps.node.check(attachmentKey(call, network.name))).interfaces;
  } catch (error) {
    deps.log.info("nicd does not say which NICs there are", { why: explain(error) });
  }
  const args = isObject(network.ipam["args"]) ? Object.keys(network.ipam["args"]) : [];
  const masters = network.podArgs.masters ?? args;
  // The reference plugins refuse a configuration without master; "lo" is a link everywhere, and a DEL does not use it.
  const nic = (name: string, i: number): ChosenNic => {
    const master = masters[i] ?? "lo";
    return { name, master, pciAddress: network.deviceID, addresses: [] };
  };
  const before = readablePrevious(header)?.interfaces.map(({ name }) => name) ?? [];
  const names = before.filter((name) => isOurName(name, call.ifname));
  if (names.length > 0) return names.map(nic);
  const most = Math.max(1, masters.length, network.masterNets.length, network.podArgs.nics ?? 0);
  return Array.from({ length: most }, (_, i) => nic(`${call.ifname}-${i}`, i));
}

/**
 * Reads a NIC's own addresses where they are wanted: host-device-ipam moves them into the pod (read before the plugin
 * takes the NIC away), aws-ipvlan finds the network card by them. A virtual function's are those of its own interface:
 * the physical one stays on the host with its own.
 */
export async function hostAddressesOf(
  { network }: Wanted,
  { master, pciAddress }: ChosenNic,
  deps: CniDeps,
): Promise<readonly string[]> {
  const moves = network.ipam.type === "host-device-ipam";
  if (!moves && network.plugin.type !== "aws-ipvlan") return [];
  if (!deps.canFfi()) return [];
  const own = moves && pciAddress !== "" ? await deps.interfacesOf(pciAddress) : [master];
  const name = own.includes(master) ? master : own[0];
  if (name === undefined) return [];
  const { openKernel } = await deps.sockets();
  using host = openKernel();
  const link = host.link(name);
  const all = link ? host.addresses() : [];
  return all
    .filter(({ index, scope }) => index === link?.index && scope === globalScope)
    .map(({ address }) => address);
}
