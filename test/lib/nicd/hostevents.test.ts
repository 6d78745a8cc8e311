import { describe, expect, test } from "bun:test";
import type { KernelEvent } from "../../../src/lib/linux/kernel.ts";
import type { Link, LinkAddress, Route } from "../../../src/lib/netlink/types.ts";
import { HostEvents } from "../../../src/lib/nicd/hostevents.ts";
import { FakeNamespace } from "../../support/fakenamespace.ts";

const nic: Link = new FakeNamespace().addLink("eth1", { flags: 0x1003, up: true, mtu: 9000 });
const pod: Link = { ...nic, index: 7, name: "veth1a2b", kind: "veth" };

const link = (of: Link, gone = false): KernelEvent => ({ kind: "link", gone, link: of });
const address = (index: number, text: string): KernelEvent => ({
  kind: "address",
  gone: false,
  address: { index, address: text } as LinkAddress,
});

function sieve(): HostEvents {
  return new HostEvents(({ name }) => name.startsWith("eth"));
}

describe("HostEvents", () => {
  test("counts a link's first event, and those by which it changed", () => {
    const host = sieve();
    const tell = (more: Partial<Link>) => host.counts(link({ ...nic, ...more }));
    expect(tell({})).toBe(true);
    expect(tell({})).toBe(false);
    const changes: Partial<Link>[] = [
      { name: "eth9" },
      { altnames: ["rail1"] },
      { up: false },
      { carrier: false },
      { mtu: 1500 },
      { mac: "02:00:00:00:00:99" },
      { operstate: 2 },
      { master: 3 },
      { flags: 0x1043 },
    ];
    for (const change of changes) {
      expect([change, tell(change)]).toEqual([change, true]);
      expect([change, tell(change)]).toEqual([change, false]);
      expect(tell({})).toBe(true);
    }
  });

  test("does not count what listens on a link, nor its counters", () => {
    const host = sieve();
    host.counts(link(nic));
    const stats = { rxBytes: 1n, txBytes: 2n, rxDropped: 0n, txDropped: 0n };
    for (const flags of [0x1103, 0x1203, 0x1303])
      expect(host.counts(link({ ...nic, flags, stats }))).toBe(false);
  });

  test("does not count links that do not concern the host, from their first event to their last", () => {
    const host = sieve();
    const life = [
      link({ ...pod, up: false }),
      link(pod),
      address(7, "fe80::1/64"),
      link({ ...pod, master: 4 }),
      link(pod, true),
    ];
    expect(life.map((event) => host.counts(event))).toEqual(Array(5).fill(false));
  });

  test("counts a NIC that goes, and one that comes with its index", () => {
    const host = sieve();
    host.counts(link(nic));
    expect(host.counts(link(nic, true))).toBe(true);
    expect(host.counts(link(nic))).toBe(true);
  });

  test("counts a link that goes before any other event told of it", () => {
    expect(sieve().counts(link(pod, true))).toBe(true);
  });

  test("counts a link once more when a new name makes it a pod's, and again when one makes it the host's", () => {
    const host = sieve();
    host.counts(link(nic));
    const renamed = { ...nic, name: "tmp0" };
    expect([host.counts(link(renamed)), host.counts(link(renamed))]).toEqual([true, false]);
    expect([host.counts(link(nic)), host.counts(link(nic))]).toEqual([true, false]);
  });

  test("counts every address but the link-local ones of links that do not concern the host", () => {
    const host = sieve();
    host.counts(link(nic));
    host.counts(link(pod));
    expect(host.counts(address(2, "fe80::1/64"))).toBe(true);
    expect(host.counts(address(7, "10.0.0.1/32"))).toBe(true);
    expect(host.counts(address(7, "fd00::1/64"))).toBe(true);
    expect(host.counts(address(7, "febf::1/64"))).toBe(false);
    // Nobody has told of link 8.
    expect(host.counts(address(8, "fe80::1/64"))).toBe(true);
  });

  test("counts rules, routes and resyncs, and after a resync knows nothing", () => {
    const host = sieve();
    host.counts(link(nic));
    host.counts(link(pod));
    expect(host.counts({ kind: "route", gone: false, route: {} as Route })).toBe(true);
    expect(host.counts({ kind: "resync" })).toBe(true);
    expect(host.counts(link(nic))).toBe(true);
    expect(host.counts(address(7, "fe80::1/64"))).toBe(true);
  });

  test("sift passes on what counts, in order", async () => {
    async function* events() {
      yield* [link(nic), link(nic), link(pod), link({ ...nic, mtu: 1500 })];
    }
    const passed = await Array.fromAsync(sieve().sift(events()));
    expect(passed).toEqual([link(nic), link({ ...nic, mtu: 1500 })]);
  });
});
