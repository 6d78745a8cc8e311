import { explain } from "../errors.ts";
import { likelyReason, type Pair, pairNics, rounds } from "../plan/matrix.ts";
import { type FullSize, sendFullSize } from "./fullsize.ts";
import { type Endpoint, type IperfOptions, measure, type Transport } from "./iperf.ts";

export interface NicOutcome {
  readonly source: string;
  readonly destination: string;
  readonly bitsPerSecond?: number;
  readonly reason?: string;
  /** One unfragmented packet of full size; absent = it could not be tried. */
  readonly fullSize?: FullSize;
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

/** Tells whether every NIC of every pair is connected, for packets of full size too. */
export function fullyConnected(outcomes: readonly PairOutcome[]): boolean {
  return outcomes.every(
    (o) =>
      o.total > 0 &&
      o.connected === o.total &&
      o.nics.every(({ fullSize }) => fullSize?.passed !== false),
  );
}

async function checkPair(
  byHost: ReadonlyMap<string, Endpoint>,
  pair: Pair,
  by: { transport: Transport; options: ConcheckOptions },
): Promise<PairOutcome> {
  const from = byHost.get(pair.from);
  const to = byHost.get(pair.to);
  const nics: NicOutcome[] = [];
  for (const { source, destination } of from && to ? pairNics(from, to) : []) {
    if (!from || !to || source === "") {
      nics.push({ source, destination, reason: `${pair.from} has no address on this plane` });
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
    if ("bitsPerSecond" in outcome) {
      const fullSize = await sendFullSize(by.transport, path);
      const { bitsPerSecond } = outcome;
      return { source, destination, bitsPerSecond, ...(fullSize && { fullSize }) };
    }
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
