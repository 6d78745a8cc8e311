import { formatBandwidth } from "../api/bandwidth.ts";
import type { Explained } from "../api/explained.ts";
import type { ExplainReply } from "../node/contract.ts";

/** Writes what nicd recorded of a pod: its NICs, their promises, the reason; and refusals. */
export function recordedText({ node, attached, refused }: ExplainReply): string {
  const lines: string[] = [];
  for (const { network, ifname, attachedAt, reason, interfaces } of attached) {
    lines.push(`network ${network}, ${ifname}: attached on ${node} at ${timeOf(attachedAt)}`);
    for (const { name, master, pciAddress, promisedKbps } of interfaces) {
      const promise =
        promisedKbps === undefined ? "" : `, promised ${formatBandwidth(promisedKbps)}`;
      lines.push(
        `  ${name} on ${[master, pciAddress].filter((part) => part !== "").join(" ")}${promise}`,
      );
    }
    lines.push(`  because ${reason}`);
  }
  for (const { network, at, message } of refused) {
    lines.push(`network ${network}: refused on ${node} at ${timeOf(at)}`, `  because ${message}`);
  }
  return lines.join("\n");
}

/** Writes what a pod would get now: one row per NIC of the host, chosen ones first. */
export function tryText(
  node: string,
  { network, reason, chosen, nics, refused }: Explained,
): string {
  if (refused !== undefined)
    return `network ${network}: would be refused on ${node}\n  because ${reason}`;
  const places = new Map(chosen.map(({ master }, i) => [master, i]));
  const rows = nics.map((nic) => [
    nic.chosen ? String(places.get(nic.master) ?? "") : "-",
    nic.master,
    nic.nets.join(" ") || "-",
    nic.numaNode === undefined ? "-" : String(nic.numaNode),
    `${formatBandwidth(nic.speedKbps)}${nic.assumed ? "?" : ""}`,
    formatBandwidth(Math.max(nic.measuredKbps, nic.promisedKbps)),
    formatBandwidth(nic.freeKbps),
    nic.why,
  ]);
  const head = ["#", "NIC", "NETWORK", "NUMA", "SPEED", "IN USE", "FREE", "WHY"];
  const text = aligned([head, ...rows]);
  return `network ${network}: on ${node} now\n${text}\n  because ${reason}`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, c) =>
    Math.max(...rows.map((row) => (row[c] ?? "").length)),
  );
  return rows
    .map((row) => `  ${row.map((cell, c) => cell.padEnd(widths[c] ?? 0)).join("  ")}`.trimEnd())
    .join("\n");
}

function timeOf(at: number): string {
  return new Date(at).toISOString().replace(/\.[0-9]+Z$/, "Z");
}
