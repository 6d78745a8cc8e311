import { explain } from "../errors.ts";
import { formatBandwidth, likelyReason, type Pair, rounds } from "../plan/matrix.ts";
import { type Endpoint, type IperfOptions, measure, type Transport } from "./iperf.ts";

export interface NicOutcome {
  readonly source: string;
  readonly destination: string;
  readonly bitsPerSecond?: number;
  readonly reason?: string;
}

export interface PairOutcome {
  readonly from: string;
  readonly to: string;
  readonly connected: number;
  readonly total: number;
  readonly nics: readonly NicOutcome[];
}

export interface ConcheckOptions extends IperfOptions {
  /** Peer-to-peer: only this pair. */
  readonly only?: Pair;
  /** Called when a pair has been tested. */
  progress?(done: number, of: number): void;
}

/** Tests every ordered pair of endpoints, NIC by NIC, in N−1 rounds; rows come back in host order. */
export async function concheck(
  endpoints: readonly Endpoint[],
  transport: Transport,
  options: ConcheckOptions,
): Promise<PairOutcome[]> {
  const byHost = new Map(endpoints.map((e) => [e.host, e]));
  const plan = options.only ? [[options.only]] : rounds(endpoints.map((e) => e.host));
  const of = plan.flat().length;
  const out: PairOutcome[] = [];
  for (const round of plan) {
    await Promise.all(
      round.map(async (pair) => {
        out.push(await checkPair(byHost, pair, { transport, options }));
        options.progress?.(out.length, of);
      }),
    );
  }
  const order = new Map(endpoints.map((e, i) => [e.host, i]));
  const rank = (o: PairOutcome) =>
    (order.get(o.from) ?? 0) * endpoints.length + (order.get(o.to) ?? 0);
  return out.sort((a, b) => rank(a) - rank(b));
}

/** Tells whether every NIC of every pair is connected. */
export function fullyConnected(outcomes: readonly PairOutcome[]): boolean {
  return outcomes.every((o) => o.total > 0 && o.connected === o.total);
}

async function checkPair(
  byHost: ReadonlyMap<string, Endpoint>,
  pair: Pair,
  by: { transport: Transport; options: ConcheckOptions },
): Promise<PairOutcome> {
  const from = byHost.get(pair.from);
  const to = byHost.get(pair.to);
  const nics: NicOutcome[] = [];
  for (const [i, destination] of (to?.addresses ?? []).entries()) {
    const source = from?.addresses[i];
    if (!from || !to || source === undefined) {
      nics.push({
        source: source ?? "",
        destination,
        reason: `${pair.from} has no address on this plane`,
      });
    } else nics.push(await checkNic({ from, to, source, destination }, by));
  }
  const connected = nics.filter((n) => n.bitsPerSecond !== undefined).length;
  return { ...pair, connected, total: nics.length, nics };
}

async function checkNic(
  path: { from: Endpoint; to: Endpoint; source: string; destination: string },
  by: { transport: Transport; options: ConcheckOptions },
): Promise<NicOutcome> {
  const { source, destination } = path;
  let error: string;
  try {
    const outcome = await measure(by.transport, path, by.options);
    if ("bitsPerSecond" in outcome)
      return { source, destination, bitsPerSecond: outcome.bitsPerSecond };
    error = outcome.error;
  } catch (thrown) {
    error = explain(thrown);
  }
  return {
    source,
    destination,
    reason: likelyReason({ error, missingRoute: await missingRoute(path, by.transport) }),
  };
}

async function missingRoute(
  path: { from: Endpoint; to: Endpoint; source: string; destination: string },
  transport: Transport,
): Promise<{ host: string; address: string } | undefined> {
  const there = { source: path.source, destination: path.destination };
  if ((await transport.hasRoute?.(path.from, there)) === false) {
    return { host: path.from.host, address: path.destination };
  }
  const back = { source: path.destination, destination: path.source };
  if ((await transport.hasRoute?.(path.to, back)) === false) {
    return { host: path.to.host, address: path.source };
  }
  return undefined;
}

/** Renders the outcome as a table of one row per ordered pair, and below it the reason of each failure. */
export function renderTable(outcomes: readonly PairOutcome[]): string {
  const rows = outcomes.map((o) => [
    o.from,
    o.to,
    `${o.connected}/${o.total}`,
    `[${o.nics.map((n) => n.destination).join(" ")}]`,
    `[${o.nics.map((n) => ` ${n.bitsPerSecond === undefined ? "-" : formatBandwidth(n.bitsPerSecond)}`).join("")}]`,
  ]);
  const all = [["FROM", "TO", "CONNECTED/TOTAL", "IPs", "BANDWIDTHs"], ...rows];
  const widths = [0, 1, 2, 3].map((c) => Math.max(...all.map((row) => row[c]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, c) => cell.padEnd(widths[c] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  for (const o of outcomes) {
    for (const n of o.nics) {
      if (n.reason !== undefined)
        lines.push(`${o.from} -> ${o.to} ${n.source} -> ${n.destination}: ${n.reason}`);
    }
  }
  return lines.join("\n");
}
