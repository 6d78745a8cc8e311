import type { HostInterfaceRow, InterfaceStatus } from "../api/kinds.ts";
import { isInfiniBand, type NotANic, type SeenDevice, type SeenLink } from "./nic-links.ts";

/** Why a NIC is not, or not quite, usable; `IPoIB` = for host-device only, `InPod` = its interface was moved into a pod. */
export type NicReason =
  | NotANic
  | "IPoIB"
  | "InPod"
  | "LinkDown"
  | "NoAddress"
  | "NoCarrier"
  | "DefaultRoute"
  | "DefaultNetwork"
  | "PlaneConflict";

/** Returns the one reason to show for a NIC that is here; undefined = nothing is wrong with it. */
export function nicReason(
  link: SeenLink,
  of: {
    readonly device: SeenDevice | undefined;
    readonly addresses: readonly unknown[];
    readonly blocked: NicReason | undefined;
  },
): NicReason | undefined {
  if (isInfiniBand(link, of.device)) return "IPoIB";
  if (!link.up) return "LinkDown";
  if (of.addresses.length === 0) return "NoAddress";
  return of.blocked ?? (link.carrier ? undefined : "NoCarrier");
}

/** Several NICs on one net: the lowest PCI address counts, the others say so (a network with `rails` takes them all the same). */
export function markConflicts(
  rows: readonly HostInterfaceRow[],
  reasons: Map<string, NicReason>,
): void {
  const first = new Map<string, string>();
  for (const { netAddress = "", interfaceName } of rows) {
    const holder = first.get(netAddress);
    if (holder === undefined) first.set(netAddress, interfaceName);
    else if (holder !== interfaceName && !reasons.has(interfaceName))
      reasons.set(interfaceName, "PlaneConflict");
  }
}

/** Returns `status.interfaces` for the listed rows, one entry per NIC; rates are added by who measures them. */
export function statusRows(
  rows: readonly HostInterfaceRow[],
  seen: { readonly links: readonly SeenLink[]; readonly devices: ReadonlyMap<string, SeenDevice> },
  reasons: ReadonlyMap<string, NicReason>,
): InterfaceStatus[] {
  return [...new Set(rows.map((row) => row.interfaceName))].map((interfaceName) => {
    const link = seen.links.find((other) => other.name === interfaceName);
    const device = seen.devices.get(interfaceName);
    const reason = reasons.get(interfaceName);
    return {
      interfaceName,
      ...(link ? { mtu: link.mtu, carrier: link.carrier } : {}),
      ...(device?.speedMbps === undefined ? {} : { speedMbps: device.speedMbps }),
      ...(device?.numaNode === undefined ? {} : { numaNode: device.numaNode }),
      ...(device?.driver === undefined ? {} : { driver: device.driver }),
      ...(device?.rdmaDevice === undefined ? {} : { rdmaDevice: device.rdmaDevice }),
      ...(reason === undefined ? {} : { reason }),
    };
  });
}
