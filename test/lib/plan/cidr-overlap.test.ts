import { expect, test } from "bun:test";
import {
  hostNetOverlaps,
  overlappingNets,
  overlappingSubnets,
} from "../../../src/lib/plan/cidr-overlap.ts";
import { hostInterface } from "../../support/plan-world.ts";

test("overlappingSubnets names both networks, per family, each pair once", () => {
  const found = overlappingSubnets([
    { name: "c", subnet: "172.16.0.0/12,fd00::/48" },
    { name: "b", subnet: "192.168.64.0/18" },
    { name: "a", subnet: "192.168.0.0/16" },
    { name: "d", subnet: "fd00:0:0:1::/64" },
    { name: "e", subnet: "" },
  ]);
  expect(found.map(({ a, b }) => `${a} ${b}`)).toEqual(["a b", "c d"]);
  expect(found[0]?.message).toBe(
    "spec.subnet: 192.168.0.0/16 of network a overlaps 192.168.64.0/18 of network b: give one of them another range",
  );
});

test("hostNetOverlaps warns once per host network", () => {
  const rows = [
    { interfaceName: "eth1", netAddress: "192.168.7.0/24" },
    { interfaceName: "eth2", netAddress: "10.0.1.0/24" },
  ];
  const hosts = [hostInterface("h1", rows), hostInterface("h2", rows)];
  expect(hostNetOverlaps({ name: "a", subnet: "192.168.0.0/16" }, hosts)).toEqual([
    "192.168.0.0/16 of network a overlaps 192.168.7.0/24 of eth1 of h1",
  ]);
  expect(hostNetOverlaps({ name: "a", subnet: "" }, hosts)).toEqual([]);
});

test("overlappingNets keeps the earlier of two nets", () => {
  expect(
    overlappingNets(["10.1.0.0/16", "10.0.0.0/8", "10.1.2.0/24", "11.0.0.0/8", "fd00::/8"]),
  ).toEqual([
    ["10.1.0.0/16", "10.0.0.0/8"],
    ["10.1.0.0/16", "10.1.2.0/24"],
  ]);
});
