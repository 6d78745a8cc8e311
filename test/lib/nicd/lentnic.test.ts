import { describe, expect, test } from "bun:test";
import type { Route } from "../../../src/lib/netlink/types.ts";
import { findLent, missingAddresses, noteNic, routesBack } from "../../../src/lib/nicd/lentnic.ts";
import { FakeNamespace } from "../../support/fakenamespace.ts";

const eth1 = new FakeNamespace().addLink("eth1", {
  index: 7,
  up: true,
  mtu: 9000,
  mac: "02:00:00:00:00:07",
});
const route: Route = {
  family: 4,
  dst: "172.30.0.0/16",
  table: 254,
  protocol: 4,
  type: 1,
  scope: 0,
  metric: 0,
  nexthops: [{ via: "10.0.1.254", oif: 7 }],
};
const address = (text: string, more: object = {}) => ({
  index: 7,
  family: text.includes(":") ? (6 as const) : (4 as const),
  address: text,
  scope: 0,
  flags: 0x80,
  label: "",
  ...more,
});

function note(more: { routes?: Route[]; pciAddress?: string } = {}) {
  return noteNic(eth1, {
    pciAddress: more.pciAddress ?? "",
    addresses: [
      address("10.0.1.1/24"),
      address("10.0.1.9/24", { flags: 0 }),
      address("fd00::1/64"),
      address("fd00::abcd/64", { flags: 0 }),
      address("fe80::1/64", { scope: 253 }),
      address("10.0.2.1/24", { index: 8 }),
    ],
    routes: more.routes ?? [route],
    nameOf: (index) => (index === 7 ? "eth1" : "eth2"),
  });
}

describe("noteNic", () => {
  test("keeps the NIC's own global addresses, a DHCP lease too, but nothing that a router gives again", () => {
    expect(note().addresses).toEqual(["10.0.1.1/24", "10.0.1.9/24", "fd00::1/64"]);
  });

  test("keeps routes over the NIC that nobody else makes again", () => {
    const other = { ...route, nexthops: [{ via: "10.0.2.254", oif: 8 }] };
    const routes = [2, 9, 77].map((protocol) => ({ ...route, protocol }));
    expect(note({ routes: [...routes, { ...route, table: 255 }, other] }).routes).toEqual([]);
    expect(note().routes).toMatchObject([{ dst: "172.30.0.0/16", hops: [{ dev: "eth1" }] }]);
  });
});

describe("findLent", () => {
  const none = () => undefined;
  test("finds a NIC by its PCI address under any name, and takes no other in its place", () => {
    const nic = note({ pciAddress: "0000:00:05.0" });
    const pci = (name: string) => (name === "net1-0" ? "0000:00:05.0" : "0000:00:06.0");
    const back = { ...eth1, name: "net1-0" };
    expect(findLent(nic, [{ ...eth1, name: "eth1" }, back], pci)).toBe(back);
    expect(findLent(nic, [eth1], pci)).toBeUndefined();
  });

  test("finds one without PCI address by its Ethernet address, under its own name or a pod's", () => {
    const back = { ...eth1, name: "fast-3" };
    expect(findLent(note(), [back], none)).toBe(back);
    expect(findLent(note(), [{ ...eth1, name: "bond0" }], none)).toBeUndefined();
    expect(findLent(note(), [{ ...back, kind: "macvlan" }], none)).toBeUndefined();
  });
});

describe("missingAddresses", () => {
  test("gives back what is gone, family by family, and nothing where somebody gave others", () => {
    expect(missingAddresses(note(), [])).toHaveLength(3);
    expect(missingAddresses(note(), ["10.0.1.1/24"])).toEqual(["fd00::1/64", "10.0.1.9/24"]);
    expect(missingAddresses(note(), ["10.9.9.9/24"])).toEqual(["fd00::1/64"]);
  });
});

describe("routesBack", () => {
  test("puts on-link routes first, under the indexes of now, and leaves out those whose other way is gone", () => {
    const link = { ...route, dst: "172.31.0.0/16", nexthops: [{ oif: 7 }] };
    const both = { ...route, dst: "172.29.0.0/16", nexthops: [{ oif: 7 }, { oif: 8 }] };
    const nic = note({ routes: [route, link, both] });
    const now = (name: string) => (name === "eth1" ? 70 : undefined);
    expect(routesBack(nic, now)).toEqual([
      { ...link, nexthops: [{ oif: 70 }] },
      { ...route, nexthops: [{ via: "10.0.1.254", oif: 70 }] },
    ]);
  });
});
