import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasPciDevice, readDevice } from "../../src/lib/linux/devices.ts";
import { nothingListed, planDiscovery, type SeenHost } from "../../src/lib/plan/nic-discovery.ts";
import {
  type Machine,
  machineAddresses,
  machineLinks,
  machineRoutes,
  writeSysfs,
} from "./machine.ts";

/** Sees a machine through a sysfs tree of its own and through what rtnetlink would say of it. */
export function see(machine: Machine): SeenHost {
  const key = JSON.stringify(machine);
  const host = seenBefore.get(key) ?? look(machine);
  seenBefore.set(key, host);
  return host;
}

const seenBefore = new Map<string, SeenHost>();

function look(machine: Machine): SeenHost {
  const sysRoot = mkdtempSync(join(tmpdir(), `${machine.name}-`));
  try {
    writeSysfs(machine, sysRoot);
    const links = machineLinks(machine);
    const all = machine.pci.map((device) => device.address);
    return {
      links,
      addresses: machineAddresses(machine),
      mainRoutes: machineRoutes(machine),
      devices: new Map(links.map((link) => [link.name, readDevice(sysRoot, link.name)])),
      pciPresent: new Set(all.filter((address) => hasPciDevice(sysRoot, address))),
    };
  } finally {
    rmSync(sysRoot, { recursive: true });
  }
}

const nobody: ReadonlySet<string> = new Set();
export const at = (ms: number, attached: readonly string[] = []) => ({
  at: ms,
  attached: attached.length === 0 ? nobody : new Set(attached),
});
export const names = (of: { rows: { interfaceName: string }[] }) => [
  ...new Set(of.rows.map((row) => row.interfaceName)),
];
export const reasons = (of: {
  interfaces: { interfaceName: string; reason?: string | undefined }[];
}) => Object.fromEntries(of.interfaces.map((nic) => [nic.interfaceName, nic.reason]));
export const without = (host: SeenHost, name: string): SeenHost => {
  const index = host.links.find((link) => link.name === name)?.index;
  return { ...host, addresses: host.addresses.filter((address) => address.index !== index) };
};
export const change = (
  host: SeenHost,
  name: string,
  to: Partial<SeenHost["links"][number]>,
): SeenHost => ({
  ...host,
  links: host.links.map((link) => (link.name === name ? { ...link, ...to } : link)),
});
export const first = (host: SeenHost) => planDiscovery(host, nothingListed, at(0));
export const address = (host: SeenHost, name: string, text: string, more = {}) => ({
  index: host.links.find((link) => link.name === name)?.index ?? 0,
  family: text.includes(":") ? (6 as const) : (4 as const),
  address: text,
  scope: 0,
  flags: 0x80,
  ...more,
});
