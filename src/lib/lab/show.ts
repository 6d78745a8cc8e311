import type { Cidr, HostInterface, IPPool } from "../api/kinds.ts";
import { poolUsage } from "../plan/poolusage.ts";

/** Aligns rows in columns; the first row is the heading. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, c) =>
    Math.max(...rows.map((row) => (row[c] ?? "").length)),
  );
  return rows
    .map((row) => `  ${row.map((cell, c) => cell.padEnd(widths[c] ?? 0)).join("  ")}`.trimEnd())
    .join("\n");
}

/** One row per NIC that a host offers. */
export function showNics(hosts: readonly HostInterface[]): string {
  return columns([
    ["HOST", "NIC", "NETWORK", "ADDRESS", "PCI", "VENDOR:PRODUCT"],
    ...hosts.flatMap((host) =>
      host.spec.interfaces.map((nic) => [
        host.metadata.name,
        nic.interfaceName,
        nic.netAddress ?? "",
        nic.hostIP ?? "",
        nic.pciAddress ?? "-",
        nic.vendor ? `${nic.vendor}:${nic.product}` : "-",
      ]),
    ),
  ]);
}

/** One row per plane and host. */
export function showPlan(slices: readonly Cidr[]): string {
  const entries = slices.flatMap((slice) => slice.spec.cidr);
  return columns([
    ["PLANE", "NETWORK", "VLAN CIDR", "HOST", "NIC", "POD CIDR"],
    ...entries.flatMap((entry) =>
      entry.hosts.map((host, i) => [
        i === 0 ? String(entry.interfaceIndex) : "",
        i === 0 ? entry.netAddress : "",
        i === 0 ? entry.vlanCIDR : "",
        host.hostName,
        host.interfaceName,
        host.podCIDR,
      ]),
    ),
  ]);
}

/** One row per pool: how many of its addresses pods hold. */
export function showPools(pools: readonly IPPool[]): string {
  return columns([
    ["POOL", "HOST", "NIC", "USED/SIZE", "HELD BY"],
    ...pools.map((pool) => {
      const holders = pool.spec.allocations.map((a) => `${a.pod}=${a.address}`).join(" ");
      return [
        pool.metadata.name,
        pool.spec.hostName,
        pool.spec.interfaceName,
        poolUsage(pool.spec),
        holders,
      ];
    }),
  ]);
}
