import type { HostInterface, MultiNicNetwork } from "../api/kinds.ts";
import { formatPrefix, parsePrefix } from "../ip.ts";
import type { SaidCondition } from "./hostinterface.ts";

/** A plane on which not every host's NIC has the same MTU, and who has which. */
export interface MixedPlane {
  readonly netAddress: string;
  /** Hosts by MTU in bytes, the largest first. */
  readonly mtus: readonly { readonly mtu: number; readonly hosts: readonly string[] }[];
}

export const mtuCondition = "MTUsAgree";
/** How many hosts of one MTU a message names before it only counts. */
const named = 3;

/** Finds a network's planes whose hosts differ in MTU: large packets get lost there, while small ones pass. */
export function mixedPlanes(
  network: MultiNicNetwork,
  hostInterfaces: readonly HostInterface[],
): MixedPlane[] {
  const wanted = new Set((network.spec.masterNets ?? []).map(canonical));
  const planes = new Map<string, Map<number, Set<string>>>();
  for (const { metadata, spec, status } of hostInterfaces) {
    for (const { interfaceName, netAddress = "" } of spec.interfaces) {
      const net = canonical(netAddress);
      if (net === "" || (wanted.size > 0 && !wanted.has(net))) continue;
      const nic = status?.interfaces?.find((each) => each.interfaceName === interfaceName);
      const unused = nic?.reason === "PlaneConflict" && network.spec.rails !== true;
      if (nic?.mtu === undefined || unused) continue;
      const plane = planes.get(net) ?? new Map<number, Set<string>>();
      planes.set(net, plane);
      plane.set(nic.mtu, (plane.get(nic.mtu) ?? new Set()).add(metadata.name));
    }
  }
  return [...planes]
    .filter(([, mtus]) => mtus.size > 1)
    .map(([netAddress, mtus]) => ({
      netAddress,
      mtus: [...mtus]
        .sort(([a], [b]) => b - a)
        .map(([mtu, hosts]) => ({ mtu, hosts: [...hosts].sort() })),
    }));
}

/**
 * Says in a condition which planes are mixed. undefined = none is and none ever was said to be: a condition that always
 * holds is noise.
 */
export function mtusAgree(
  network: MultiNicNetwork,
  hostInterfaces: readonly HostInterface[],
): SaidCondition | undefined {
  const mixed = mixedPlanes(network, hostInterfaces);
  if (mixed.length > 0) {
    const message = `${mixed.map(describe).join("; ")}: larger packets are lost on the way to smaller NICs; give the NICs of a plane one MTU, or set plugin.args.mtu to the smallest`;
    return { type: mtuCondition, status: "False", reason: "MTUsDiffer", message };
  }
  if (!network.status?.conditions?.some(({ type }) => type === mtuCondition)) return undefined;
  const message = "the NICs of each plane have one MTU";
  return { type: mtuCondition, status: "True", reason: "MTUsAgree", message };
}

function describe({ netAddress, mtus }: MixedPlane): string {
  const groups = mtus.map(({ mtu, hosts }) => {
    const more = hosts.length > named ? ` and ${hosts.length - named} more` : "";
    return `${mtu} on ${hosts.slice(0, named).join(", ")}${more}`;
  });
  return `plane ${netAddress} has MTU ${groups.join(", ")}`;
}

function canonical(net: string): string {
  const prefix = parsePrefix(net);
  return prefix ? formatPrefix(prefix) : net;
}
