import { Failure } from "../errors.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a test runs: a pod, reached in whatever way the cluster or the lab offers. */
export interface Endpoint {
  readonly host: string;
  readonly pod: string;
  /** Addresses without prefix length, one per NIC and family, in NIC order. */
  readonly addresses: readonly string[];
  /** The plane of each address (its vlanCIDR, or the subnet that its IPAM says); absent = not known. */
  readonly planes?: readonly string[];
}

/** A packet's addresses, without prefix length. */
export interface RoutePath {
  readonly source: string;
  readonly destination: string;
}

/** How commands reach an endpoint, and what its host can say about routes. */
export interface Transport {
  exec(at: Endpoint, command: readonly string[], signal: AbortSignal): Promise<Ran>;
  /** Tells whether the endpoint's host has a route from `source` to `destination`; undefined when it cannot tell. */
  hasRoute?(at: Endpoint, path: RoutePath): Promise<boolean | undefined>;
}

export interface IperfOptions {
  readonly seconds: number;
  readonly port: number;
}

/** Measured bandwidth, or the client's error text. */
export type IperfOutcome = { readonly bitsPerSecond: number } | { readonly error: string };

/** The client starts as soon as the server does: a refused connection is tried again this often, this far apart. */
const tries = 40;
const pauseMs = 50;

/**
 * Measures one direction of one NIC: iperf3 3.x, one-off server on the peer's address, client bound to its own address
 * so that the packets leave by the NIC under test.
 */
export async function measure(
  transport: Transport,
  path: { from: Endpoint; to: Endpoint; source: string; destination: string },
  options: IperfOptions,
): Promise<IperfOutcome> {
  const limit = AbortSignal.timeout((options.seconds + 15) * 1000);
  const stop = new AbortController();
  const port = String(options.port);
  const server = transport
    .exec(
      path.to,
      ["iperf3", "-s", "-1", "-B", path.destination, "-p", port],
      AbortSignal.any([limit, stop.signal]),
    )
    .catch((error: unknown) => ({ code: -1, stdout: "", stderr: String(error) }));
  const client = ["iperf3", "-J", "-c", path.destination, "-B", path.source, "-p", port];
  client.push("-t", String(options.seconds), "--connect-timeout", "2000");
  try {
    for (let attempt = 1; ; attempt++) {
      const outcome = readReport(await transport.exec(path.from, client, limit));
      const refused = "error" in outcome && /refused/i.test(outcome.error);
      if (!refused || attempt === tries) return outcome;
      await Bun.sleep(pauseMs);
    }
  } finally {
    stop.abort();
    await server;
  }
}

/** Reads the client's JSON report (iperf3 `-J`: `end.sum_received.bits_per_second`, or `error`). */
export function readReport(ran: Ran): IperfOutcome {
  let report: { error?: string; end?: { sum_received?: { bits_per_second?: number } } };
  try {
    report = JSON.parse(ran.stdout);
  } catch {
    return { error: (ran.stderr || ran.stdout || `iperf3 ended with ${ran.code}`).trim() };
  }
  if (typeof report.error === "string") return { error: report.error };
  const bits = report.end?.sum_received?.bits_per_second;
  if (typeof bits !== "number")
    throw new Failure("Cannot read iperf3's report", { cause: "no end.sum_received" });
  return bits > 0 ? { bitsPerSecond: bits } : { error: "connected, but no data arrived" };
}
