import { formatBandwidth } from "../plan/matrix.ts";
import type { NicOutcome, PairOutcome } from "./concheck.ts";

/** A terminal's width that everybody has. */
const most = 100;
const head = ["FROM", "TO", "CONNECTED/TOTAL", "IPs", "BANDWIDTHs"];

/**
 * Renders the outcome as a table of one row per ordered pair, and below it the reason of each failure. A row of many NICs
 * goes on in further lines, as many NICs in each as fit into 100 columns.
 */
export function renderTable(outcomes: readonly PairOutcome[]): string {
  const nics = Math.max(1, ...outcomes.map((o) => o.nics.length));
  let lines = tableOf(outcomes, nics);
  for (let each = nics - 1; each > 0 && lines.some((line) => line.length > most); each--) {
    lines = tableOf(outcomes, each);
  }
  for (const o of outcomes) {
    for (const n of o.nics) {
      const reason = n.reason ?? (n.fullSize?.passed === false ? n.fullSize.reason : undefined);
      if (reason !== undefined)
        lines.push(`${o.from} -> ${o.to} ${n.source} -> ${n.destination}: ${reason}`);
    }
  }
  return lines.join("\n");
}

/** `each` = NICs in one line. */
function tableOf(outcomes: readonly PairOutcome[], each: number): string[] {
  const all = [head, ...outcomes.flatMap((outcome) => rowsOf(outcome, each))];
  const widths = [0, 1, 2, 3].map((c) => Math.max(...all.map((row) => row[c]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, c) => cell.padEnd(widths[c] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function rowsOf({ from, to, connected, total, nics }: PairOutcome, each: number): string[][] {
  const parts: NicOutcome[][] = [];
  for (let i = 0; i < Math.max(1, nics.length); i += each) parts.push(nics.slice(i, i + each));
  return parts.map((part, i) => {
    const open = i === 0 ? "[" : " ";
    const close = i === parts.length - 1 ? "]" : "";
    const ips = part.map((n) => n.destination).join(" ");
    const rates = part.map((n) => ` ${rateOf(n)}`).join("");
    const pair = i === 0 ? [from, to, `${connected}/${total}`] : ["", "", ""];
    return [...pair, `${open}${ips}${close}`, `${open}${rates}${close}`];
  });
}

function rateOf({ bitsPerSecond }: NicOutcome): string {
  return bitsPerSecond === undefined ? "-" : formatBandwidth(bitsPerSecond);
}
