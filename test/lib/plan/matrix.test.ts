import { expect, test } from "bun:test";
import { formatBandwidth, likelyReason, rounds } from "../../../src/lib/plan/matrix.ts";

test.each([0, 1, 2, 3, 4, 7, 64])(
  "rounds of %i hosts test every ordered pair once, each host at most once a round as client and as server",
  (n) => {
    const hosts = Array.from({ length: n }, (_, i) => `h${i}`);
    const plan = rounds(hosts);
    expect(plan.length).toBe(Math.max(0, n - 1));
    for (const round of plan) {
      expect(new Set(round.map((p) => p.from)).size).toBe(round.length);
      expect(new Set(round.map((p) => p.to)).size).toBe(round.length);
    }
    const pairs = plan.flat().map((p) => `${p.from}>${p.to}`);
    expect(new Set(pairs).size).toBe(n * Math.max(0, n - 1));
    expect(pairs.some((p) => p.split(">")[0] === p.split(">")[1])).toBe(false);
  },
);

test.each([
  [1_053_000_000, "1.05Gbits/sec"],
  [999_400_000, "999Mbits/sec"],
  [999_600_000, "1.00Gbits/sec"],
  [41_240_000_000, "41.2Gbits/sec"],
  [400_000_000_000, "400Gbits/sec"],
  [12, "12.0bits/sec"],
])("formatBandwidth(%d) is %s", (bits, text) => expect(formatBandwidth(bits)).toBe(text));

test("likelyReason names the missing route before what the client saw", () => {
  const missingRoute = { host: "host2", address: "192.168.0.1" };
  expect(likelyReason({ error: "Connection timed out", missingRoute })).toBe(
    "route missing on host2 to 192.168.0.1",
  );
  expect(likelyReason({ error: "unable to connect to server: Connection timed out" })).toBe(
    "no reply",
  );
  expect(likelyReason({ error: "unable to connect to server: Connection refused" })).toStartWith(
    "refused",
  );
  expect(likelyReason({ error: "" })).toBe("no reply");
});
