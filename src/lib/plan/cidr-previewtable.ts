import type { Preview, PreviewEntry, PreviewOutcome } from "./cidr-preview.ts";

/** Rows of hosts that a table shows in all; what is beyond is counted. */
const maxRows = 60;
const width = 100;

/** Writes a preview for a person, at most 100 columns wide; long lists are cut and the cut is said. */
export function previewTable({ preview, blocks, fitted }: PreviewOutcome): string {
  if (!preview || !blocks) return "";
  const { capacity, families, warnings } = preview;
  const { interfaceBlock, hostBlock } = blocks;
  const how = fitted ? " (the best fit)" : "";
  const lines = [
    `Subnet    ${preview.subnet} (${families.join(" and ")})`,
    `Blocks    interfaceBlock ${interfaceBlock}, hostBlock ${hostBlock}${how}`,
    `Capacity  ${capacity.interfaces} planes, ${capacity.hosts} hosts, ${capacity.podsPerHostInterface} pods per host and NIC`,
  ];
  const entries = Math.max(1, preview.cidrs.length);
  const perPlane = Math.max(2, Math.floor(maxRows / entries));
  const planes = preview.cidrs.slice(0, Math.floor(maxRows / perPlane));
  for (const entry of planes) lines.push("", ...planeLines(entry, preview, perPlane));
  const left = preview.cidrs.length - planes.length;
  if (left > 0) lines.push("", `… and ${left} more rows of planes`);
  if (warnings.length > 0) lines.push("", ...warnings.map((text) => `Warning: ${text}`));
  return lines
    .map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line))
    .join("\n");
}

function planeLines(entry: PreviewEntry, preview: Preview, perPlane: number): string[] {
  const net = entry.netAddress === "" ? "" : `  net ${entry.netAddress}`;
  const rows = entry.hosts.slice(0, perPlane);
  const name = Math.min(63, Math.max(4, ...rows.map((row) => row.hostName.length)));
  const index = Math.max(5, ...rows.map((row) => String(row.hostIndex).length));
  const lines = [
    `Plane ${entry.interfaceIndex}  vlanCIDR ${entry.vlanCIDR}${net}`,
    `  ${"HOST".padEnd(name)}  ${"INDEX".padStart(index)}  PODCIDR`,
  ];
  for (const { hostName, hostIndex, podCIDR } of rows) {
    lines.push(`  ${hostName.padEnd(name)}  ${String(hostIndex).padStart(index)}  ${podCIDR}`);
  }
  if (entry.hosts.length > rows.length) {
    lines.push(`  … and ${entry.hosts.length - rows.length} more hosts listed by -o json`);
  }
  return rows.length > 0 || Number(preview.capacity.hosts) > 0 ? lines : lines.slice(0, 1);
}
