/** One test of the connection matrix: `from` is the client, `to` the server. */
export interface Pair {
  readonly from: string;
  readonly to: string;
}

/**
 * Schedules every ordered pair of hosts in N−1 rounds: round k tests host i against host i+k mod N, so that in no round
 * a host is client of two tests or server of two tests. Rounds run one after another, the tests of a round at once.
 */
export function rounds(hosts: readonly string[]): Pair[][] {
  const out: Pair[][] = [];
  for (let k = 1; k < hosts.length; k++) {
    out.push(
      hosts.flatMap((from, i) => {
        const to = hosts[(i + k) % hosts.length];
        return to === undefined ? [] : [{ from, to }];
      }),
    );
  }
  return out;
}

/** One NIC of the server's and the client's on the same plane; "" where the client has none there. */
export interface NicPair {
  readonly source: string;
  readonly destination: string;
}

/** An end's addresses, without prefix length, and the plane of each; without planes the order is all there is. */
export interface Planed {
  readonly addresses: readonly string[];
  readonly planes?: readonly string[] | undefined;
}

/**
 * Pairs the NICs of two ends by plane, in the server's order: a pod that lacks a plane, or names its NICs in another order,
 * still meets its like. The second NIC on one plane (rails) meets the second.
 */
export function pairNics(from: Planed, to: Planed): NicPair[] {
  const used = new Set<number>();
  return to.addresses.map((destination, i) => {
    const plane = to.planes?.[i];
    const at =
      plane === undefined || !from.planes
        ? i
        : from.planes.findIndex((each, k) => each === plane && !used.has(k));
    used.add(at);
    return { source: from.addresses[at] ?? "", destination };
  });
}

/** What is known about a test that did not come through. */
export interface Symptom {
  /** What the client printed. */
  readonly error: string;
  /** Host whose routing has no way to the other end, and for which address; undefined when both have one. */
  readonly missingRoute?: { readonly host: string; readonly address: string } | undefined;
}

/** Words the likely reason for a failed test, the nearest cause first. */
export function likelyReason(symptom: Symptom): string {
  if (symptom.missingRoute) {
    return `route missing on ${symptom.missingRoute.host} to ${symptom.missingRoute.address}`;
  }
  if (/refused/i.test(symptom.error))
    return "refused: the host answers, nothing listens on the test's port";
  if (/no route to host|unreachable/i.test(symptom.error))
    return "no reply: neighbour or route does not answer";
  if (/timed? ?out|resource temporarily unavailable|no reply/i.test(symptom.error))
    return "no reply";
  return symptom.error.trim() || "no reply";
}

/** Writes a bandwidth as iperf3 does: three significant digits, `1.05Gbits/sec`. */
export function formatBandwidth(bitsPerSecond: number): string {
  const units = ["bits/sec", "Kbits/sec", "Mbits/sec", "Gbits/sec", "Tbits/sec"];
  let value = bitsPerSecond;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)}${units[unit]}`;
}
