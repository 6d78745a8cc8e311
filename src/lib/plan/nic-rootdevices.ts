import type { SriovNetworkNodeState } from "../api/devices.ts";
import type { HostInterface } from "../api/kinds.ts";

/** What root devices are chosen from. */
export interface DevicesSeen {
  /** Planes of the network. */
  readonly planes: readonly string[];
  readonly hostInterfaces: readonly HostInterface[];
  readonly states: readonly SriovNetworkNodeState[];
  /** Those of the policy as it is. */
  readonly stored: readonly string[];
}

/**
 * Returns the PCI addresses of every host's SR-IOV NICs on the network's planes, each once, sorted. A NIC that merely
 * lost its address for a while stays, as its pods' virtual functions would go with it: it leaves when it is seen on
 * another plane, or when no node has it any more.
 */
export function rootDevices(seen: DevicesSeen): string[] {
  const states = new Map(seen.states.map((state) => [state.metadata.name, state]));
  const listed = new Set<string>();
  for (const state of seen.states) {
    for (const { pciAddress } of state.status?.interfaces ?? []) listed.add(pciAddress);
  }
  const on = new Set<string>();
  const elsewhere = new Set<string>();
  for (const host of seen.hostInterfaces) {
    const state = states.get(host.spec.hostName || host.metadata.name);
    for (const nic of state?.status?.interfaces ?? []) {
      for (const row of host.spec.interfaces) {
        if (row.interfaceName !== nic.name && row.pciAddress !== nic.pciAddress) continue;
        if (!row.netAddress) continue;
        (seen.planes.includes(row.netAddress) ? on : elsewhere).add(nic.pciAddress);
      }
    }
  }
  for (const address of seen.stored) {
    if (listed.has(address) && !elsewhere.has(address)) on.add(address);
  }
  return [...on].sort();
}
