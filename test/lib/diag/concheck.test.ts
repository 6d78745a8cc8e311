import { expect, test } from "bun:test";
import { concheck, fullyConnected } from "../../../src/lib/diag/concheck.ts";
import { renderTable } from "../../../src/lib/diag/concheck-table.ts";
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
      if (command[0] !== "iperf3") return { code: 127, stdout: "", stderr: "not found" };
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

test("concheck pairs NICs by plane, whatever order pods have them in and whichever they lack", async () => {
  const play = playIperf(() => undefined);
  const both = ["192.168.0.0/18", "192.168.64.0/18"];
  const planed = endpoints.map((end) => ({ ...end, planes: both }));
  const [first, second, third] = planed;
  if (!first || !second || !third) throw new Error("three endpoints");
  const turned = [
    first,
    { ...second, addresses: second.addresses.toReversed(), planes: both.toReversed() },
    { ...third, addresses: third.addresses.slice(1), planes: both.slice(1) },
  ];
  const outcomes = await concheck(turned, play.transport, { seconds: 1, port: 5201 });
  expect(outcomes.map((o) => `${o.from}>${o.to} ${o.connected}/${o.total}`)).toEqual([
    "host1>host2 2/2",
    "host1>host3 1/1",
    "host2>host1 2/2",
    "host2>host3 1/1",
    "host3>host1 1/2",
    "host3>host2 1/2",
  ]);
  const missing = outcomes.flatMap(({ nics }) => nics.flatMap(({ reason }) => reason ?? []));
  expect(missing).toEqual(Array(2).fill("host3 has no address on this plane"));
});

test("concheck sends one unfragmented packet of the sender's MTU, and one that is lost fails the pair", async () => {
  const play = playIperf(() => undefined);
  const sent: string[][] = [];
  const transport: Transport = {
    async exec(at, command, signal) {
      if (command[0] === "ip") {
        const [own = ""] = at.addresses;
        const stdout = `1: lo: <UP> mtu 65536\n    inet 127.0.0.1/8\n7: net1-0@if3: <UP> mtu 9000\n    inet ${own}/18 scope global\n`;
        return { code: 0, stdout, stderr: "" };
      }
      if (command[0] !== "ping") return play.transport.exec(at, command, signal);
      sent.push([...command]);
      const lost = at.host === "host1";
      const stdout = `1 packets transmitted, ${lost ? 0 : 1} received\n`;
      return { code: lost ? 1 : 0, stdout, stderr: "" };
    },
  };
  const one = endpoints
    .slice(0, 2)
    .map((end) => ({ ...end, addresses: end.addresses.slice(0, 1) }));
  const outcomes = await concheck(one, transport, { seconds: 1, port: 5201 });
  expect(sent[0]?.join(" ")).toContain("ping -4 -M do -c 1");
  expect(sent[0]?.join(" ")).toEndWith("-s 8972 -I 192.168.0.1 192.168.1.1");
  expect(outcomes.map(({ nics }) => nics[0]?.fullSize?.passed)).toEqual([false, true]);
  expect(fullyConnected(outcomes)).toBe(false);
  expect(renderTable(outcomes)).toContain(
    "host1 -> host2 192.168.0.1 -> 192.168.1.1: a packet of 9000 bytes does not come through",
  );
});

test("renderTable stays within 100 columns, going on in further lines", () => {
  const nics = Array.from({ length: 8 }, (_, i) => ({
    source: `fd00:a8:0:${i}::1`,
    destination: `fd00:a8:0:${i}001::1:1`,
    bitsPerSecond: 1e9,
  }));
  const lines = renderTable([
    { from: "worker-a", to: "worker-b", connected: 8, total: 8, nics },
  ]).split("\n");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
  expect(lines.slice(0, 3)).toEqual([
    "FROM      TO        CONNECTED/TOTAL  IPs                    BANDWIDTHs",
    "worker-a  worker-b  8/8              [fd00:a8:0:0001::1:1   [ 1.00Gbits/sec",
    "                                      fd00:a8:0:1001::1:1     1.00Gbits/sec",
  ]);
});
