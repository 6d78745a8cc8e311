import { expect, test } from "bun:test";
import { concheck, fullyConnected, renderTable } from "../../../src/lib/diag/concheck.ts";
import type { Endpoint, Ran, Transport } from "../../../src/lib/diag/iperf.ts";

const hosts = ["host1", "host2", "host3"];
const endpoints: Endpoint[] = hosts.map((host, h) => ({
  host,
  pod: `pod-${host}`,
  addresses: [`192.168.${h}.1`, `192.168.${64 + h}.1`],
}));

/** The worked example's planes: 192.168.0.0/18 and 192.168.64.0/18. */
function plane(address: string): number {
  return Math.floor(Number(address.split(".")[2]) / 64);
}

/** Plays iperf3: servers listen until a client has been served; `broken` says which destinations never answer. */
function playIperf(broken: (from: string, destination: string) => string | undefined) {
  const listening = new Map<string, () => void>();
  const clients: { host: string; destination: string }[] = [];
  const running = new Map<string, number>();
  let most = 0;
  const transport: Transport = {
    async exec(at, command, signal): Promise<Ran> {
      const value = (flag: string) => command[command.indexOf(flag) + 1] ?? "";
      if (command.includes("-s")) {
        await new Promise<void>((done) => {
          listening.set(value("-B"), done);
          signal.addEventListener("abort", () => done());
        });
        return { code: 0, stdout: "", stderr: "" };
      }
      const destination = value("-c");
      running.set(at.host, (running.get(at.host) ?? 0) + 1);
      most = Math.max(most, running.get(at.host) ?? 0);
      await Promise.resolve();
      running.set(at.host, (running.get(at.host) ?? 0) - 1);
      const error =
        broken(at.host, destination) ??
        (listening.has(destination) ? undefined : "Connection refused");
      if (error !== undefined) return { code: 1, stdout: JSON.stringify({ error }), stderr: "" };
      expect(plane(value("-B"))).toBe(plane(destination));
      clients.push({ host: at.host, destination });
      listening.get(destination)?.();
      listening.delete(destination);
      return {
        code: 0,
        stdout: JSON.stringify({ end: { sum_received: { bits_per_second: 1.05e9 } } }),
        stderr: "",
      };
    },
  };
  return { transport, clients, most: () => most };
}

test("concheck tests every NIC of every ordered pair and prints a row each", async () => {
  const play = playIperf(() => undefined);
  const seen: number[] = [];
  const outcomes = await concheck(endpoints, play.transport, {
    seconds: 1,
    port: 5201,
    progress: (done, of) => seen.push(done / of),
  });
  expect(outcomes.map((o) => `${o.from}>${o.to} ${o.connected}/${o.total}`)).toEqual([
    "host1>host2 2/2",
    "host1>host3 2/2",
    "host2>host1 2/2",
    "host2>host3 2/2",
    "host3>host1 2/2",
    "host3>host2 2/2",
  ]);
  expect(fullyConnected(outcomes)).toBe(true);
  expect(play.clients.length).toBe(12);
  expect(play.most()).toBe(1);
  expect(seen.at(-1)).toBe(1);
  expect(renderTable(outcomes).split("\n")[1]).toBe(
    "host1  host2  2/2              [192.168.1.1 192.168.65.1]  [ 1.05Gbits/sec 1.05Gbits/sec]",
  );
});

test("concheck says which host lacks a route when a NIC does not connect", async () => {
  const play = playIperf((from, to) =>
    from === "host1" && to === "192.168.65.1" ? "Connection timed out" : undefined,
  );
  const transport: Transport = {
    ...play.transport,
    hasRoute: async (at, path) => !(at.host === "host2" && path.destination === "192.168.64.1"),
  };
  const outcomes = await concheck(endpoints, transport, { seconds: 1, port: 5201 });
  expect(fullyConnected(outcomes)).toBe(false);
  const text = renderTable(outcomes);
  expect(text).toContain(
    "host1  host2  1/2              [192.168.1.1 192.168.65.1]  [ 1.05Gbits/sec -]",
  );
  expect(text).toContain(
    "host1 -> host2 192.168.64.1 -> 192.168.65.1: route missing on host2 to 192.168.64.1",
  );
});

test("concheck reports a pair whose client has no address on the peer's plane", async () => {
  const play = playIperf(() => undefined);
  const lame = endpoints.map((e) =>
    e.host === "host3" ? { ...e, addresses: e.addresses.slice(0, 1) } : e,
  );
  const outcomes = await concheck(lame, play.transport, { seconds: 1, port: 5201 });
  const row = outcomes.find((o) => o.from === "host3" && o.to === "host1");
  expect(row?.nics[1]?.reason).toBe("host3 has no address on this plane");
});
